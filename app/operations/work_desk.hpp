// Where HTTP routes have work done that waits for the broker or the database: two actors with a
// thread each, a bounded queue before each of them, and a time by which every call is answered.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "app/http/server.hpp"
#include "domain/currency.hpp"
#include "messaging/broker.hpp"
#include "messaging/codec.hpp"
#include "persistence/ledger_reader.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

// What work is done with. Each actor has its own; only its thread uses them.
struct desk_tools {
  broker* nats = nullptr;                 // outlives the actors
  std::unique_ptr<ledger_reader> ledger;  // null without the ledger role
  std::unique_ptr<record_reader> records; // null without the account role
  std::shared_ptr<const currency_table> currencies;
  request_rules rules;
  std::string node; // this one's name
};

// How long a piece of work may go on. Whoever works through many things looks between them.
class desk_limit {
public:
  using clock = std::chrono::steady_clock;

  desk_limit(clock::time_point until, std::shared_ptr<const std::atomic<bool>> closed)
      : until_(until), closed_(std::move(closed)) {}

  clock::time_point until() const noexcept { return until_; }

  // The time is up, or the node is shutting down: say how far you have come.
  bool over() const { return *closed_ || clock::now() >= until_; }

private:
  clock::time_point until_;
  std::shared_ptr<const std::atomic<bool>> closed_;
};

// Runs on the actor's thread and returns the answer. A std::runtime_error becomes a 503 with what
// it says.
using desk_work = std::function<http_response(desk_tools&, const desk_limit&)>;

struct desk_job;
using desk_order = std::shared_ptr<desk_job>;
using desk_actor = caf::typed_actor<caf::reacts_to<desk_order>>;

// WORK_DESK: does one piece of work after another. Detached, since it waits.
desk_actor::behavior_type work_desk_actor(desk_actor::pointer self,
                                          const std::shared_ptr<desk_tools>& tools);

// Looks do not wait behind changes, and changes are made one after another.
enum class desk_lane : std::uint8_t { look, change };

// The way to the two actors. Any thread; nothing here waits.
class work_desk {
public:
  static constexpr std::size_t waiting_max = 32;       // in a lane, the one at work included
  static constexpr std::chrono::seconds patience{25};  // from a call to its answer
  static constexpr std::chrono::seconds come_again{2}; // what Retry-After says

  work_desk();

  // From now on work is done. Before that, and after `close`, it is refused.
  void open(desk_actor looks, desk_actor changes);

  // What waits is answered at once with 503, and what is at work is told that it is over. The
  // actors themselves are ended by who has made them.
  void close();

  // `respond` is called once, from another thread or at once: with what `work` returns, or with 503
  // when the desk is closed, the lane is full, or the time had passed before the work could begin.
  void give(desk_lane lane, desk_work work, http_responder respond);

private:
  struct lane_state {
    desk_actor whom;
    std::shared_ptr<std::atomic<std::size_t>> waiting =
        std::make_shared<std::atomic<std::size_t>>(0);
  };

  std::mutex mutex_;
  std::array<lane_state, 2> lanes_;
  std::shared_ptr<std::atomic<bool>> closed_ = std::make_shared<std::atomic<bool>>(true);
};

} // namespace ledgerd

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ledgerd::desk_order)
