#include "messaging/account_room.hpp"

#include <stdexcept>

#include "messaging/nats/connection.hpp"
#include "messaging/nats/js_api.hpp"

namespace ledgerd {

namespace {

jetstream_answer checked(const std::string& what, jetstream_answer answer) {
  if (!answer.error.empty() && answer.code != api_stream_not_found)
    throw std::runtime_error("JetStream, " + what + ": " + answer.error);
  return answer;
}

// Of one that is silent nothing is known: others say so.
stream_use_of_account ask_use(session& through, std::string_view name) {
  try {
    const auto what = "STREAM.INFO." + checked_name(name);
    return parse_stream_use(checked(what, ask_stream_info(through, name)).json);
  } catch (const part_silent&) {
    return {};
  }
}

} // namespace

std::vector<std::string> account_room_warnings(const broker_options& how,
                                               const std::vector<std::string_view>& streams) {
  const auto through = session::open(how, {.name = how.client_name + " look", .reconnect = false});
  try {
    const auto account =
        parse_account_use(checked("INFO", ask_jetstream(*through, "INFO", "")).json);
    auto result = tight_limits(account);
    for (const auto name : streams) {
      if (auto sentence = tight_consumers(account, name, ask_use(*through, name));
          !sentence.empty())
        result.push_back(std::move(sentence));
    }
    return result;
  } catch (const std::runtime_error& why) {
    return {"how near the account is to the limits of its JetStream cannot be looked at: "
            + std::string(why.what()) + "; may the user publish on " + api_subject(*through, "INFO")
            + "?"};
  }
}

} // namespace ledgerd
