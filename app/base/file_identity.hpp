// By what a file that was replaced or rewritten is told from the one before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ledgerd {

struct file_identity {
  std::uint64_t device = 0;
  std::uint64_t number = 0;
  std::int64_t bytes = 0;
  std::int64_t changed_ns = 0;

  friend bool operator==(const file_identity&, const file_identity&) = default;
};

// Of the file that the path leads to in the end, through whatever links; nothing: there is none.
// Any thread.
std::optional<file_identity> identity_of(const std::string& path);

} // namespace ledgerd
