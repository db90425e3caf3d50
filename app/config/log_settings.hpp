// The log's piece of the configuration.
#pragma once

#include <string>

namespace ledgerd {

enum class log_format { text, json };

enum class span_logging { off, sampled, all };

struct log_settings {
  log_format log_style = log_format::text;
  std::string log_level = "info";             // trace, debug, info, warn, error
  span_logging spans = span_logging::sampled; // of which traces
  // The name under which other nodes, dead letters and logs know this process.
  std::string node_name; // set by load_config: host name and process id
};

} // namespace ledgerd
