// The two designs that the daemon is compared with. Both use the daemon's own source, publisher and
// codec, so the comparison is of designs, not of libraries. The straight line has its store, too;
// the one-by-one design has a lean ledger of its own, or it would pay for what it does not have.
#include "app/bench/bench.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "app/base/signals.hpp"
#include "app/bench/lean_ledger.hpp"
#include "domain/assert.hpp"
#include "domain/exit_code.hpp"
#include "messaging/broker.hpp"
#include "messaging/codec.hpp"
#include "messaging/topology.hpp"
#include "persistence/postgres.hpp"

namespace ledgerd {

namespace {

constexpr auto beat = std::chrono::milliseconds{100};

// Lets a thread wait until one of several sources has something.
class doorbell {
public:
  void ring() {
    const std::lock_guard lock{mutex_};
    rung_ = true;
    bell_.notify_one();
  }
  void wait() {
    std::unique_lock lock{mutex_};
    bell_.wait_for(lock, beat, [&] { return rung_; });
    rung_ = false;
  }

private:
  std::mutex mutex_;
  std::condition_variable bell_;
  bool rung_ = false;
};

// What both designs stand on.
struct ground {
  explicit ground(const bench_setup& setup)
      : nats(broker::connect({.url = setup.nats_url}, [](link_event, const std::string&) {})),
        currencies(make_postgres_reader(setup.database_url)->currencies()), rules(setup.rules),
        store(make_postgres_store(setup.database_url)) {}

  entry decode(const delivery& from) const {
    auto decoded = decode_entry(from.subject, from.payload, currencies, rules);
    if (const auto* why = std::get_if<rejection>(&decoded))
      throw std::runtime_error("bench load is malformed: " + why->detail);
    return std::get<entry>(std::move(decoded));
  }

  outgoing result_of(std::uint64_t token, const posting& stored, const delivery& from) const {
    return make_result(token, stored, *currencies.exponent(stored.account.currency), from);
  }

  posted post(const posting_batch& batch) {
    auto result = store->post(batch);
    if (const auto* failure = std::get_if<store_failure>(&result))
      throw std::runtime_error("bench post failed: " + failure->detail);
    return std::get<posted>(std::move(result));
  }

  std::unique_ptr<broker> nats;
  currency_table currencies;
  request_rules rules;
  std::unique_ptr<ledger_store> store;
};

// One loop of the one-by-one design, on one consumer: fetch 10; for each message one transaction,
// publish, wait for the PubAck, acknowledge. Each publication goes out at once, as it does in the
// official clients.
void one_by_one(const bench_setup& setup, std::string_view durable, const ground& on,
                const std::atomic<bool>& stop) {
  constexpr std::size_t fetch_size = 10;
  doorbell bell;
  const auto line =
      broker::connect({.url = setup.nats_url, .client_name = "one by one", .immediate = true},
                      [](link_event, const std::string&) {});
  const auto results = line->make_publisher();
  results->open([&] { bell.ring(); });
  const auto source = line->make_source(names::request_stream, durable, fetch_size);
  source->open([&] { bell.ring(); });
  lean_ledger ledger{setup.database_url};
  const auto confirmed = [&](const outgoing& letter) {
    results->publish(letter);
    for (;;) {
      for (const auto& got : results->take())
        return got.confirmed();
      bell.wait();
    }
  };
  while (!stop) {
    source->pull({fetch_size});
    const auto batch = source->take();
    for (const auto& next : batch) {
      if (!confirmed(on.result_of(1, ledger.apply(on.decode(next)), next)))
        throw std::runtime_error("bench result was not confirmed");
      source->settle(next.receipt, settlement::acknowledge);
    }
    if (batch.empty())
      bell.wait();
  }
}

// A loop for each subject, as the design has a callback for each.
void one_by_one(const bench_setup& setup, const ground& on, const std::atomic<bool>& stop) {
  std::vector<std::thread> loops;
  for (const auto& route : movement_routes)
    loops.emplace_back([&] { one_by_one(setup, route.consumer, on, stop); });
  for (auto& loop : loops)
    loop.join();
}

struct traced_delivery {
  delivery_source* source;
  delivery from;
  posting stored;
};

// A bounded hand-over between two threads.
template <class T>
class hand_over {
public:
  explicit hand_over(std::size_t limit) : limit_(limit) {}

  void put(std::vector<T>&& items) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return items_.size() < limit_ || closed_; });
    std::move(items.begin(), items.end(), std::back_inserter(items_));
    changed_.notify_all();
  }
  std::vector<T> take(std::size_t at_most) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, beat, [&] { return !items_.empty() || closed_; });
    const auto count = std::min(at_most, items_.size());
    const auto end = std::next(items_.begin(), static_cast<std::ptrdiff_t>(count));
    std::vector<T> result{std::make_move_iterator(items_.begin()), std::make_move_iterator(end)};
    items_.erase(items_.begin(), end);
    changed_.notify_all();
    return result;
  }
  void close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    changed_.notify_all();
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
  std::size_t limit_;
  bool closed_ = false;
};

// No actors: this thread pulls, decodes, publishes and acknowledges; a second one posts.
class straight_line {
public:
  straight_line(ground& on, const std::atomic<bool>& stop, std::size_t window,
                std::size_t batch_max)
      : on_(on), stop_(stop), window_(window), batch_max_(batch_max), decoded_(2 * window) {}

  void run() {
    results_ = on_.nats->make_publisher();
    results_->open([this] { bell_.ring(); });
    for (const auto& route : movement_routes) {
      sources_.push_back(on_.nats->make_source(names::request_stream, route.consumer, batch_max_));
      sources_.back()->open([this] { bell_.ring(); });
    }
    std::thread posting_thread{[this] { post_all(); }};
    while (!stop_) {
      const auto moved = pull() + publish() + settle();
      if (moved == 0)
        bell_.wait();
    }
    decoded_.close();
    posting_thread.join();
  }

private:
  using pair = std::pair<entry, traced_delivery>;

  std::size_t pull() {
    std::vector<pair> batch;
    for (const auto& source : sources_) {
      source->pull({window_ - std::min(window_, held_) / sources_.size()});
      for (auto& next : source->take()) {
        auto asked = on_.decode(next);
        batch.emplace_back(std::move(asked), traced_delivery{source.get(), std::move(next), {}});
      }
    }
    const auto count = batch.size();
    held_ += count;
    if (count > 0)
      decoded_.put(std::move(batch));
    return count;
  }

  std::size_t publish() {
    std::deque<traced_delivery> ready;
    {
      const std::lock_guard lock{done_mutex_};
      ready.swap(done_);
    }
    for (auto& next : ready) {
      const auto token = next_token_++;
      results_->publish(on_.result_of(token, next.stored, next.from));
      published_.emplace(token, std::move(next));
    }
    return ready.size();
  }

  std::size_t settle() {
    const auto confirmations = results_->take();
    for (const auto& got : confirmations) {
      if (!got.confirmed())
        throw std::runtime_error("bench result was not confirmed: " + got.error);
      const auto found = published_.find(got.token);
      LEDGERD_ASSERT(found != published_.end());
      found->second.source->settle(found->second.from.receipt, settlement::acknowledge);
      published_.erase(found);
      --held_;
    }
    return confirmations.size();
  }

  void post_all() {
    while (!stop_) {
      auto batch = decoded_.take(batch_max_);
      if (!batch.empty())
        post_one(std::move(batch));
    }
  }

  void post_one(std::vector<pair>&& batch) {
    posting_batch wanted;
    std::unordered_map<account_key, std::size_t, account_key_hash> index;
    for (auto& [asked, from] : batch) {
      const auto [at, fresh] = index.try_emplace(asked.account, wanted.heads.size());
      if (fresh) {
        const auto known = heads_.find(asked.account);
        wanted.heads.push_back(
            {asked.account, known == heads_.end() ? std::nullopt : std::optional{known->second}});
      }
      wanted.entries.push_back({std::move(asked), at->second});
    }
    auto done = on_.post(wanted);
    const std::lock_guard lock{done_mutex_};
    for (std::size_t i = 0; i < done.heads.size(); ++i)
      heads_[wanted.heads[i].account] = done.heads[i];
    for (std::size_t i = 0; i < batch.size(); ++i) {
      auto& from = batch[i].second;
      from.stored = std::move(done.answers[i].stored);
      done_.push_back(std::move(from));
    }
    bell_.ring();
  }

  ground& on_;
  const std::atomic<bool>& stop_;
  std::size_t window_;
  std::size_t batch_max_;
  doorbell bell_;
  std::vector<std::unique_ptr<delivery_source>> sources_;
  std::unique_ptr<publisher> results_;
  std::unordered_map<std::uint64_t, traced_delivery> published_;
  std::uint64_t next_token_ = 1;
  std::size_t held_ = 0;
  hand_over<pair> decoded_;
  std::unordered_map<account_key, account_head, account_key_hash> heads_; // posting thread only
  std::mutex done_mutex_;
  std::deque<traced_delivery> done_;
};

} // namespace

int run_contender(const bench_setup& setup, const std::string& name) {
  const process_signals signals;
  std::atomic<bool> stop{false};
  std::thread watcher{[&] {
    signals.wait();
    stop = true;
  }};
  ground on{setup};
  if (name == "one-by-one")
    one_by_one(setup, on, stop);
  else
    straight_line{on, stop, setup.engine.max_in_flight, setup.engine.batch_max}.run();
  watcher.join();
  return exit_code::done;
}

} // namespace ledgerd
