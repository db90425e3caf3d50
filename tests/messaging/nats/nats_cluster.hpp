// Three nats-servers that form a cluster.
//
// Two servers that find each other from both sides sort their routes out, and now and then one of
// several routes is gone for good afterwards (nats-server #8527): some of what they tell each other
// never comes. Whoever starts a server looks whether it has been heard, and starts it again.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/messaging/nats/broker_fixture.hpp"
#include "tests/support/nats_process.hpp"

namespace ledgerd::test {

using nats_servers = std::vector<std::unique_ptr<nats_process>>;

inline nats_servers started_servers() {
  std::array<std::string, 3> places;
  std::string routes;
  for (auto& place : places) {
    place = "127.0.0.1:" + std::to_string(free_port());
    routes += "nats-route://" + place + ", ";
  }
  nats_servers result;
  for (const auto& place : places)
    result.push_back(std::make_unique<nats_process>(
        "server_name: " + place + "\njetstream { store_dir: \"$directory/js\" }"
        + "\ncluster { name: c, listen: '" + place + "', routes: [" + routes + "] }"));
  return result;
}

// Whether a stream is made, of which each of them keeps a copy that its leader has heard of.
inline bool can_replicate(const nats_servers& servers) {
  const auto side = session::open(options_for(servers.front()->url()), {.name = "test"});
  const nlohmann::json probe{
      {"name", "PROBE"}, {"subjects", {"probe"}}, {"num_replicas", servers.size()}};
  const auto ask = [&](const std::string& what, const std::string& body) {
    try {
      const auto answer = ask_jetstream(*side, what, body);
      return nlohmann::json::parse(answer.json);
    } catch (const std::runtime_error&) { // nobody answers while they look for each other
      return nlohmann::json::object();
    }
  };
  const auto whole = [&] {
    const auto copies = ask("STREAM.INFO.PROBE", "")
                            .value("/cluster/replicas"_json_pointer, nlohmann::json::array());
    return copies.size() + 1 == servers.size()
           && std::ranges::all_of(copies, [](const auto& each) { return each.at("current"); });
  };
  const auto made = eventually([&] {
    ask("STREAM.CREATE.PROBE", probe.dump());
    return whole();
  });
  return made && eventually([&] {
           ask("STREAM.DELETE.PROBE", ""); // an answer may have been lost
           return ask("STREAM.INFO.PROBE", "").value("/error/code"_json_pointer, 0) == 404;
         });
}

// Whose streams can have three replicas.
inline nats_servers nats_cluster() {
  constexpr int attempts = 5;
  for (int i = 0; i < attempts; ++i)
    if (auto servers = started_servers(); can_replicate(servers))
      return servers;
  throw std::runtime_error("three nats-servers do not find each other");
}

} // namespace ledgerd::test
