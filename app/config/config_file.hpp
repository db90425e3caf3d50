// The configuration file as text by key, with the line of each key for whoever finds a fault in it.
//
// Reads one file; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/config/config.hpp"

namespace ledgerd {

struct config_file {
  // What is wrong with one key, or without a key with the file.
  struct fault {
    std::string key;
    std::string sentence;
  };

  setting_list settings; // by option name; what is no option has no text
  setting_list names;    // of the section [names]
  std::vector<fault> faults;
  std::string unread; // why there is nothing to read; empty: there is
  std::string broken; // `:LINE:COLUMN` of what is no TOML; empty: it is, or nobody knows where

  // `:7`, or an empty text. A key of [names] has that before it: `names.result-stream`.
  std::string line_of(std::string_view key) const;

  std::map<std::string, std::uint32_t, std::less<>> lines;
};

config_file read_config_file(const std::string& path);

} // namespace ledgerd
