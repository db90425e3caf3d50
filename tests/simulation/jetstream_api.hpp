// The questions under $JS.API that the daemon asks, and their answers, as bytes.
#pragma once

#include <string>
#include <string_view>

#include "tests/simulation/jetstream.hpp"

namespace ledgerd::sim {

class jetstream_api {
public:
  explicit jetstream_api(jetstream& of) : of_(of) {}

  // `what` is the subject without its prefix.
  void answer(std::string_view what, const packet& asked);

private:
  std::string make_stream(std::string_view name, const std::string& body);
  std::string tell_stream(std::string_view name);
  std::string delete_stream(std::string_view name);
  std::string make_consumer(std::string_view in, std::string_view name, const std::string& body);
  bool is_led(std::string_view in, std::string_view name) const;
  std::string tell_consumer(std::string_view in, std::string_view name);
  std::string delete_consumer(std::string_view in, std::string_view name);
  std::string tell_names(std::string_view in, const std::string& body);
  std::string tell_message(std::string_view in, const std::string& body);
  std::string delete_message(std::string_view in, const std::string& body);

  jetstream& of_;
};

} // namespace ledgerd::sim
