// Which names can be chosen, which rules they keep to, and the choice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ledgerd {

enum class name_kind : std::uint8_t {
  stream,
  consumer,
  subject, // of requests
  prefix,  // one or several tokens under which subjects lie
};

struct chosen_name {
  std::string key; // what the configuration calls it: request-stream
  name_kind kind = name_kind::stream;
  std::string value;
};

// All names that can be chosen, as the contract has them: streams, then subjects, then consumers.
std::vector<chosen_name> contract_names();

// The rules that these names break, one sentence each; empty: none. Names that are told apart only
// by their streams may be equal. `names` are those of contract_names(), with other values.
std::vector<std::string> name_faults(const std::vector<chosen_name>& names);

// Whether a subject and another one, or what lies under it, could be the same.
bool subjects_overlap(std::string_view one, std::string_view other) noexcept;

// From now on this process uses these, which must keep to all rules. Before there is a second
// thread. What was chosen before stays in memory, for somebody may still hold it.
void choose_names(const std::vector<chosen_name>& names);

} // namespace ledgerd
