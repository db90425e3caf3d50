#include "actors/ledger/peer.hpp"

#include <utility>

#include "actors/common/log.hpp"
#include "actors/common/waker.hpp"
#include "domain/failpoint.hpp"

namespace ledgerd {

void peer_state::take_replies() {
  for (const auto& each : options_.line->take())
    book_->take(each);
}

void peer_state::send_frames() {
  const auto bytes_max = options_.line->message_bytes_max();
  while (const auto next = book_->next(bytes_max))
    if (!failpoint("frame"))
      options_.line->send(next->number, next->frame);
}

// What the region hears of the link comes before what it gets back, so that it sends that
// elsewhere.
void peer_state::pass_on() {
  for (auto& [asker, answers] : book_->take_answers())
    self_->send(asker, answer_atom_v, std::move(answers));
  tell_link();
  if (auto back = book_->take_given_back(); !back.empty())
    self_->send(options_.region, apply_atom_v, std::move(back));
  if (drain_.is_over(self_->clock().now(), book_->held()))
    finish_drain();
}

void peer_state::tell_link() {
  if (!book_->trouble().empty() && book_->trouble() != last_trouble_)
    if (const auto more = lines_.admit("trouble", self_->clock().now()))
      log(log_event::peer_trouble, {{"peer", options_.peer_name}, {"why", book_->trouble()}},
          "peer {} ({}): {}{}", options_.peer_name, to_text(options_.peer), book_->trouble(),
          left_out_text(*more));
  last_trouble_ = book_->trouble();
  if (drained_ || book_->up() == told_up_)
    return;
  told_up_ = book_->up();
  log(log_event::peer_link, {{"peer", options_.peer_name}, {"up", told_up_}},
      "peer {} ({}): the link {}", options_.peer_name, to_text(options_.peer),
      told_up_ ? "carries" : "is down");
  self_->send(options_.observer, link_atom_v, options_.peer, told_up_);
}

void peer_state::finish_drain() {
  drained_ = true;
  give_back_all();
  drain_.finish();
}

void peer_state::give_back_all() {
  if (std::exchange(told_up_, false))
    self_->send(options_.observer, link_atom_v, options_.peer, false);
  book_->give_back_all();
  if (auto back = book_->take_given_back(); !back.empty())
    self_->send(options_.region, apply_atom_v, std::move(back));
}

actor_report peer_state::report() const {
  return make_report(name, options_.peer_name,
                     peer_numbers{book_->counters(), {.held = book_->held(), .up = book_->up()}});
}

peer_actor::behavior_type peer_state::begin(peer_options options) {
  options_ = std::move(options);
  book_ = std::make_unique<peer_book>(options_.self, options_.peer, options_.limits);
  self_->set_exit_handler([this](caf::exit_msg& message) {
    give_back_all();
    self_->quit(std::move(message.reason));
  });
  options_.line->open(make_waker(peer_actor{self_}));
  send_frames();
  self_->delayed_send(self_, options_.beat, tick_atom_v);
  return {
      [this](apply_atom, std::vector<asked_entry>& given) {
        failpoint("peer");
        book_->add(std::move(given));
        if (drained_)
          book_->give_back_all();
        send_frames();
        pass_on();
      },
      [this](yield_atom) {
        book_->give_back_all();
        pass_on();
      },
      [this](wake_atom) {
        take_replies();
        send_frames();
        pass_on();
      },
      [this](tick_atom) {
        // Silence is judged only after what has come was taken.
        take_replies();
        book_->look(self_->clock().now());
        send_frames();
        pass_on();
        self_->delayed_send(self_, options_.beat, tick_atom_v);
      },
      [this](drain_atom, std::int64_t deadline_ms) {
        auto promise = drain_.begin(self_, deadline_ms);
        pass_on();
        return promise;
      },
      [this](report_atom) { return report(); },
  };
}

peer_actor::behavior_type peer(peer_state::pointer self, peer_options options) {
  return self->state.begin(std::move(options));
}

} // namespace ledgerd
