#include "app/operations/work_desk.hpp"

#include <caf/send.hpp>

#include <stdexcept>
#include <utility>

#include "app/base/text.hpp"

namespace ledgerd {

namespace {

http_response unavailable(const std::string& why) {
  auto problem = http_problem(503, "UNAVAILABLE", why);
  problem.headers = {{"Retry-After", std::to_string(work_desk::come_again.count())}};
  return problem;
}

} // namespace

// However it ends: its place is given back, and its call is answered.
struct desk_job {
  desk_work work;
  http_responder respond;
  desk_limit limit;
  std::shared_ptr<std::atomic<std::size_t>> waiting;

  desk_job(desk_work what, http_responder to, desk_limit how_long,
           std::shared_ptr<std::atomic<std::size_t>> places)
      : work(std::move(what)), respond(std::move(to)), limit(std::move(how_long)),
        waiting(std::move(places)) {}
  desk_job(const desk_job&) = delete;
  desk_job& operator=(const desk_job&) = delete;
  ~desk_job() {
    --*waiting;
    if (respond)
      respond(unavailable("the node is shutting down"));
  }

  void answer(http_response what) { std::exchange(respond, nullptr)(std::move(what)); }
};

desk_actor::behavior_type work_desk_actor(desk_actor::pointer,
                                          const std::shared_ptr<desk_tools>& tools) {
  return {
      [tools](const desk_order& job) {
        if (job->limit.over())
          return job->answer(
              unavailable("too much was asked before this; nothing of it has been done"));
        try {
          job->answer(job->work(*tools, job->limit));
        } catch (const std::runtime_error& e) {
          job->answer(unavailable(one_line(e.what())));
        }
      },
  };
}

work_desk::work_desk() = default;

void work_desk::open(desk_actor looks, desk_actor changes) {
  const std::lock_guard lock{mutex_};
  lanes_[static_cast<std::size_t>(desk_lane::look)].whom = std::move(looks);
  lanes_[static_cast<std::size_t>(desk_lane::change)].whom = std::move(changes);
  *closed_ = false;
}

void work_desk::close() {
  const std::lock_guard lock{mutex_};
  *closed_ = true;
  for (auto& lane : lanes_)
    lane.whom = nullptr;
}

void work_desk::give(desk_lane lane, desk_work work, http_responder respond) {
  const auto until = desk_limit::clock::now() + patience;
  desk_actor whom;
  std::shared_ptr<std::atomic<std::size_t>> waiting;
  {
    const std::lock_guard lock{mutex_};
    auto& state = lanes_[static_cast<std::size_t>(lane)];
    whom = state.whom;
    waiting = state.waiting;
  }
  if (!whom)
    return respond(unavailable("the node is starting or shutting down"));
  if (++*waiting > waiting_max) {
    --*waiting;
    return respond(unavailable("too much is asked at once"));
  }
  caf::anon_send(whom, std::make_shared<desk_job>(std::move(work), std::move(respond),
                                                  desk_limit{until, closed_}, std::move(waiting)));
}

} // namespace ledgerd
