// How `log` hands a line to whoever writes it: the sentence and the fields stand in the message one
// after the other, and the place in the source, which nobody prints, says where one ends and which
// event it is. So a line costs one allocation, also when a thread of its own writes it, and no
// sentence can forge a field. Pure; any thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ledgerd {

using log_value = std::variant<std::int64_t, bool, std::string_view>;

// Something that a line says beside its sentence. The views need live no longer than the call.
struct log_field {
  log_field(std::string_view name_, std::string_view text) : name(name_), value(text) {}
  log_field(std::string_view name_, const std::string& text)
      : name(name_), value(std::string_view(text)) {}
  log_field(std::string_view name_, const char* text)
      : name(name_), value(std::string_view(text)) {}
  log_field(std::string_view name_, bool truth) : name(name_), value(truth) {}
  template <class Number>
  requires(std::integral<Number> && !std::same_as<Number, bool>)
      log_field(std::string_view name_, Number number)
      : name(name_), value(static_cast<std::int64_t>(number)) {}

  std::string_view name;
  log_value value;
};

// Appends a field as `read_log_fields` reads it.
void append_log_field(std::string& to, const log_field& field);

// The views point into `packed`. What cannot be read is left out.
std::vector<log_field> read_log_fields(std::string_view packed);

} // namespace ledgerd
