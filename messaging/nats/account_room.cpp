#include "messaging/account_room.hpp"

#include <stdexcept>

#include "messaging/nats/connection.hpp"
#include "messaging/nats/js_api.hpp"

namespace ledgerd {

namespace {

jetstream_answer ask(session& through, const std::string& what) {
  auto answer = ask_jetstream(through, what, "");
  if (!answer.error.empty() && answer.code != api_stream_not_found)
    throw std::runtime_error("JetStream, " + what + ": " + answer.error);
  return answer;
}

} // namespace

std::vector<std::string> account_room_warnings(const broker_options& how,
                                               const std::vector<std::string_view>& streams) {
  const auto through = session::open(how, {.name = how.client_name + " look", .reconnect = false});
  try {
    const auto account = parse_account_use(ask(*through, "INFO").json);
    auto result = tight_limits(account);
    for (const auto name : streams) {
      const auto answer = ask(*through, "STREAM.INFO." + checked_name(name));
      if (auto sentence = tight_consumers(account, name, parse_stream_use(answer.json));
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
