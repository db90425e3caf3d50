#include "app/page/overview_hub.hpp"

#include <algorithm>
#include <cstdint>
#include <pthread.h>
#include <utility>

#include "app/base/signals_blocked.hpp"

namespace ledgerd {

namespace {

using clock = std::chrono::steady_clock;
using nlohmann::ordered_json;

constexpr std::size_t asking_max = 256; // each has a place at work, which are about as many
constexpr auto nodes_age_max = std::chrono::seconds{5};

std::string dump(const ordered_json& document) {
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

http_stream::piece event(std::string_view name, const std::string& data) {
  auto text = std::make_shared<std::string>("event: ");
  text->append(name).append("\ndata: ").append(data).append("\n\n");
  return text;
}

http_response unavailable(const std::string& why, const char* retry_seconds) {
  auto problem = http_problem(503, "UNAVAILABLE", why);
  problem.headers = {{"Retry-After", retry_seconds}};
  return problem;
}

http_response overview_response(const std::string& document) {
  return {200, "application/json", document + "\n", {}};
}

} // namespace

// What has been answered. An answer may come when nobody waits for it any more.
struct overview_hub::gathering {
  std::mutex mutex;
  std::condition_variable came;
  std::uint64_t number = 0; // of the present question
  std::optional<metrics_snapshot> metrics;
  bool cluster_asked = false; // one question at a time
  std::optional<std::vector<node_view>> nodes;
  clock::time_point nodes_at;

  // Those that were heard of a moment ago serve as well: the page waits for no silent node.
  bool complete(clock::time_point now) const {
    return metrics && (!cluster_asked || (nodes && now - nodes_at < nodes_age_max));
  }
};

overview_hub::overview_hub(overview_sources from)
    : from_(std::move(from)), gathered_(std::make_shared<gathering>()) {
  const signals_blocked while_starting;
  thread_ = std::thread{[this] { work(); }};
  pthread_setname_np(thread_.native_handle(), "ledgerd.page");
}

overview_hub::~overview_hub() {
  close("the node has stopped");
}

void overview_hub::answer(http_responder respond) {
  std::string fresh;
  {
    const std::lock_guard lock{mutex_};
    if (!closed_ && (latest_.empty() || clock::now() - made_at_ >= pause)
        && asking_.size() < asking_max) {
      asking_.push_back(std::move(respond));
      rung_.notify_one();
      return;
    }
    fresh = closed_ ? "" : latest_;
  }
  respond(fresh.empty() ? unavailable("the node is starting or shutting down", "1")
                        : overview_response(fresh));
}

void overview_hub::listen(const http_responder& respond) {
  auto stream = std::make_shared<http_stream>();
  {
    const std::lock_guard lock{mutex_};
    std::erase_if(listeners_, [](const auto& each) { return each.stream.expired(); });
    const bool full = listeners_.size() >= streams_max;
    if (closed_ || full)
      return respond(closed_ ? unavailable("the node is shutting down", "1")
                             : unavailable("all streams of the overview are taken", "5"));
    const bool fresh = !latest_.empty() && clock::now() - made_at_ < pause;
    if (fresh)
      stream->say(event("overview", latest_));
    listeners_.push_back({stream, fresh});
    rung_.notify_one();
  }
  // Proxies that collect before they pass on would hold back what is meant for now.
  respond({200, "text/event-stream", "", {{"X-Accel-Buffering", "no"}}, std::move(stream)});
}

void overview_hub::close(const std::string& why) {
  std::vector<http_responder> asking;
  {
    const std::lock_guard lock{mutex_};
    if (closed_)
      return;
    closed_ = true;
    asking.swap(asking_);
    const auto last = event("end", dump({{"why", why}}));
    for (const auto& each : listeners_)
      if (const auto stream = each.stream.lock())
        stream->finish(last);
    listeners_.clear();
  }
  rung_.notify_one();
  thread_.join();
  for (const auto& respond : asking)
    respond(unavailable(why, "1"));
}

// With the mutex.
bool overview_hub::wanted() {
  std::erase_if(listeners_, [](const auto& each) { return each.stream.expired(); });
  return !asking_.empty() || !listeners_.empty();
}

void overview_hub::work() {
  std::unique_lock lock{mutex_};
  for (;;) {
    rung_.wait(lock, [this] { return closed_ || wanted(); });
    if (rung_.wait_until(lock, made_at_ + pause, [this] { return closed_; }))
      return;
    const auto begun = clock::now();
    lock.unlock();
    const auto facts = gather();
    flow_.note(to_sample(facts));
    auto document = overview_json(from_.node, facts, flow_);
    lock.lock();
    made_at_ = begun;
    if (closed_)
      return;
    hand_out(std::move(document));
  }
}

// With the mutex.
void overview_hub::hand_out(ordered_json document) {
  const auto moving = event("overview", dump(document));
  document["settings"] = settings_json(from_.node);
  latest_ = dump(document);
  const auto whole = event("overview", latest_);
  for (auto& each : listeners_)
    if (const auto stream = each.stream.lock())
      stream->say(std::exchange(each.greeted, true) ? moving : whole);
  for (const auto& respond : std::exchange(asking_, {}))
    respond(overview_response(latest_));
}

overview_facts overview_hub::gather() {
  const auto began = clock::now();
  overview_facts facts;
  if (const auto operations = from_.operations()) {
    facts.started = true;
    std::unique_lock lock{gathered_->mutex};
    const auto number = ++gathered_->number;
    gathered_->metrics.reset();
    const bool ask_cluster = !std::exchange(gathered_->cluster_asked, true);
    lock.unlock();
    operations->metrics([to = gathered_, number](metrics_snapshot snapshot) {
      const std::lock_guard answered{to->mutex};
      if (to->number == number && !snapshot.empty())
        to->metrics = std::move(snapshot);
      to->came.notify_one();
    });
    if (ask_cluster)
      operations->cluster([to = gathered_](std::vector<node_view> nodes) {
        const std::lock_guard answered{to->mutex};
        to->cluster_asked = false;
        to->nodes = std::move(nodes);
        to->nodes_at = clock::now();
        to->came.notify_one();
      });
    lock.lock();
    gathered_->came.wait_until(lock, began + patience,
                               [this] { return gathered_->complete(clock::now()); });
    facts.metrics = gathered_->metrics;
    if (gathered_->nodes && clock::now() - gathered_->nodes_at < nodes_age_max)
      facts.nodes = gathered_->nodes;
  }
  facts.checks = from_.checks();
  facts.standing = from_.standing->standing(clock::now());
  facts.topology = from_.streams->counts();
  facts.topology_problem = from_.streams->problem();
  facts.streams = from_.streams->marks();
  facts.changes = from_.changes->latest();
  facts.at = clock::now();
  facts.at_us = std::chrono::duration_cast<std::chrono::microseconds>(
                    std::chrono::system_clock::now().time_since_epoch())
                    .count();
  return facts;
}

std::vector<http_route> make_overview_routes(const std::shared_ptr<overview_hub>& hub) {
  return {{"GET", "/v1/overview",
           [hub](const http_request&, http_responder respond) { hub->answer(std::move(respond)); }},
          {"GET", "/v1/events", [hub](const http_request& request, const http_responder& respond) {
             // Whoever asks for the head alone gets no stream, which would count as one.
             if (request.method == "HEAD")
               return respond({200, "text/event-stream", "", {}});
             hub->listen(respond);
           }}};
}

} // namespace ledgerd
