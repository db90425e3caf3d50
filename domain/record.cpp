#include "domain/record.hpp"

namespace ledgerd {

std::string_view to_text(record_status status) noexcept {
  switch (status) {
  case record_status::pending:
    return "PENDING";
  case record_status::success:
    return "SUCCESS";
  case record_status::failed:
    return "FAILED";
  }
  return {};
}

std::optional<record_status> parse_record_status(std::string_view text) noexcept {
  for (const auto status : {record_status::pending, record_status::success, record_status::failed})
    if (text == to_text(status))
      return status;
  return std::nullopt;
}

} // namespace ledgerd
