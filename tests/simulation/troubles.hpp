// What goes wrong in a run, and when it is over again.
#pragma once

#include "tests/simulation/world.hpp"

namespace ledgerd::sim {

class troubles {
public:
  explicit troubles(world& of) : of_(of) {}

  // Draws how often what happens to messages and commits.
  void set_weather();

  // Begins one of them.
  void begin();

  // Nothing goes wrong but that no server leads one consumer of requests until `end`; the other has
  // to be served all the while. In half of the seeds a node dies meanwhile and has to begin again.
  void silence_one_consumer(time_point end);

private:
  void befall_node(world::node& one);
  void befall_server();
  void part_nodes();
  void limit_stream();
  void delete_consumer();
  void leave_consumer_unled();
  void watch_other_consumer(const std::string& silent, const std::string& other, time_point end);
  void begin_anew_beside(const std::string& silent);
  void leave_unled(const std::string& stream_name, const std::string& name, nanoseconds time);
  void befall_database(life& at);
  void terminate_sessions(owner_id whose);
  void befall_link(life& at);
  void later(nanoseconds after, std::function<void()> what);
  nanoseconds some(milliseconds most);
  void count(const std::string& what);

  world& of_;
};

} // namespace ledgerd::sim
