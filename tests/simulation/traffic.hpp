// The clients: services that publish requests, and callers of the account side who ask again until
// they are answered.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tests/simulation/world.hpp"

namespace ledgerd::sim {

class traffic {
public:
  explicit traffic(world& of) : of_(of) {}

  // Begins to publish so many requests, and to submit so many calls, within that time.
  void begin(std::size_t requests, std::size_t calls, milliseconds within);

private:
  std::size_t draw_bytes();
  void publish_requests(std::size_t count, milliseconds within);
  void submit(std::size_t number);
  bool submit_once(const std::string& key, const std::string& body);
  void look_at(std::int64_t id);
  std::optional<packet> ask(packet question);
  void hear(const packet& answer);

  world& of_;
  std::map<std::string, packet> answers_; // by inbox
  std::uint64_t inboxes_ = 0;
};

} // namespace ledgerd::sim
