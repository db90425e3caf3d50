#include "actors/ledger/receiver.hpp"

#include <utility>

#include "actors/common/log.hpp"
#include "actors/common/waker.hpp"
#include "domain/failpoint.hpp"

namespace ledgerd {

namespace {

// Taken from the desk at once; the rest waits there, where it is bounded.
constexpr std::size_t frames_at_once = 64;

} // namespace

void receiver_state::take_frames() {
  const receiver_counters before = book_->counters();
  std::vector<asked_entry> admitted;
  const answer_sink me = receiver_actor{self_};
  const auto frames = options_.desk->take(frames_at_once);
  for (const auto& each : frames) {
    failpoint("receiver");
    book_->take(each.payload, each.reply, me, admitted);
  }
  if (!admitted.empty())
    self_->send(options_.region, apply_atom_v, std::move(admitted));
  send_letters();
  log_losses(before);
  if (frames.size() == frames_at_once)
    self_->send(self_, wake_atom_v);
}

void receiver_state::log_losses(const receiver_counters& before) {
  const auto now = book_->counters();
  const std::pair<link_refusal, std::int64_t> losses[] = {
      {link_refusal::damaged, now.damaged - before.damaged},
      {link_refusal::version, now.version - before.version},
      {link_refusal::stranger, now.stranger - before.stranger}};
  for (const auto& [why, count] : losses)
    if (count > 0)
      if (const auto more = lines_.admit(to_text(why), self_->clock().now()))
        log(log_event::frame_dropped, {{"why", to_text(why)}},
            "receiver: a frame was dropped, since it {}{}", to_text(why), left_out_text(*more));
}

void receiver_state::send_letters() {
  for (const auto& each : book_->take_letters())
    if (!failpoint("reply"))
      options_.desk->answer(each.reply, each.payload, {});
  if (drain_.is_over(self_->clock().now(), book_->held()))
    finish_drain();
}

void receiver_state::finish_drain() {
  book_->return_all();
  for (const auto& each : book_->take_letters())
    options_.desk->answer(each.reply, each.payload, {});
  options_.desk->close();
  drain_.finish();
}

receiver_counters receiver_state::counters() const {
  auto sum = book_->counters();
  const auto lost = options_.desk->losses();
  sum.overflow += static_cast<std::int64_t>(lost.overflow + lost.expired);
  sum.foreign += static_cast<std::int64_t>(lost.foreign_reply);
  return sum;
}

actor_report receiver_state::report() const {
  return make_report(
      name, "",
      receiver_numbers{counters(), {.held = book_->held(), .held_bytes = book_->bytes()}});
}

receiver_actor::behavior_type receiver_state::begin(receiver_options options) {
  options_ = std::move(options);
  book_ = std::make_unique<receiver_book>(options_.self, options_.room);
  options_.desk->open(make_waker(receiver_actor{self_}));
  book_->limit_letters(options_.desk->message_bytes_max());
  self_->delayed_send(self_, options_.beat, tick_atom_v);
  return {
      [this](answer_atom, std::vector<ticketed_answer>& got) {
        book_->answer(std::move(got));
        send_letters();
      },
      // The desk stays open while the rest is finished: a peer that hears of nobody there would
      // take everything back at once.
      [this](drain_atom, std::int64_t deadline_ms) {
        auto promise = drain_.begin(self_, deadline_ms);
        book_->shut();
        send_letters();
        return promise;
      },
      [this](report_atom) { return report(); },
      [this](wake_atom) { take_frames(); },
      [this](tick_atom) {
        book_->limit_letters(options_.desk->message_bytes_max());
        take_frames();
        self_->delayed_send(self_, options_.beat, tick_atom_v);
      },
  };
}

receiver_actor::behavior_type receiver(receiver_state::pointer self, receiver_options options) {
  return self->state.begin(std::move(options));
}

} // namespace ledgerd
