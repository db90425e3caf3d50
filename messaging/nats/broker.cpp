#include "messaging/broker.hpp"

#include <nats/nats.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "messaging/link_codec.hpp"
#include "messaging/names.hpp"
#include "messaging/nats/bulk_publish.hpp"
#include "messaging/nats/confirming_publisher.hpp"
#include "messaging/nats/connection.hpp"
#include "messaging/nats/js_api.hpp"
#include "messaging/nats/line_pair.hpp"
#include "messaging/nats/nats_inquirer.hpp"
#include "messaging/nats/peer_line.hpp"
#include "messaging/nats/provisioning.hpp"
#include "messaging/nats/pull_source.hpp"
#include "messaging/nats/question_desk.hpp"
#include "messaging/nats/server_urls.hpp"
#include "messaging/nats/stream_reader.hpp"
#include "messaging/nats/word_line.hpp"
#include "messaging/service_codec.hpp"

namespace ledgerd {

namespace {

// It takes a round trip; whoever publishes at once need not do it twice.
constexpr std::chrono::milliseconds first_joining{1000};

// Makes one story of what two links report: down when the first is down, up again when both are up.
class link_story {
public:
  explicit link_story(link_observer observe) : observe_(std::move(observe)) {}

  void tell(std::size_t which, link_event event, const std::string& detail) {
    std::lock_guard lock(mutex_);
    switch (event) {
    case link_event::connected:
      break;
    case link_event::disconnected:
      if (std::exchange(down_[which], true) || down_[1 - which])
        return;
      break;
    case link_event::reconnected:
    case link_event::rebuilt:
      rebuilt_ = rebuilt_ || event == link_event::rebuilt;
      down_[which] = false;
      if (down_[1 - which])
        return;
      event = std::exchange(rebuilt_, false) ? link_event::rebuilt : link_event::reconnected;
      break;
    case link_event::slow_consumer:
    case link_event::error:
      break;
    }
    if (observe_)
      observe_(event, detail);
  }

private:
  const link_observer observe_;
  std::mutex mutex_;
  bool down_[2] = {false, false};
  bool rebuilt_ = false;
};

class nats_broker final : public broker {
public:
  nats_broker(const broker_options& options, link_observer observe)
      : options_(options), story_(std::make_shared<link_story>(std::move(observe))),
        control_(std::make_shared<lifeline>(
            options,
            session_options{
                .name = options.client_name + " control", .immediate = true, .keep = false},
            report(0))),
        data_(std::make_shared<lifeline>(options,
                                         session_options{.name = options.client_name + " data",
                                                         .immediate = options.immediate,
                                                         .keep = false},
                                         report(1))),
        lines_(std::make_shared<line_pair>(control_, data_, options.may_answer, report(0))) {
    const auto url = control_->access().url;
    story_->tell(0, link_event::connected, redact(url, url));
    lines_->wait_joined(first_joining);
  }

  bool connected() const override { return control_->up() && data_->up(); }

  std::string parting() const override { return lines_->parting(); }

  void round_trip(std::chrono::milliseconds at_most) override {
    for (const auto& link : {control_, data_})
      if (const auto status = natsConnection_FlushTimeout(link->current()->raw(), at_most.count());
          status != NATS_OK)
        throw std::runtime_error("the broker does not answer: " + nats_error_text(status));
  }

  void cancel_reading() override { reading_cancelled_ = true; }

  std::size_t message_bytes_max() const override { return data_->current()->message_bytes_max(); }

  provision_report provision(const provisioning& how) override {
    return provision_all(*control_->current(), how);
  }

  stream_state stream(std::string_view name) override {
    return ask_stream(*control_->current(), name);
  }

  consumer_state consumer(std::string_view stream, std::string_view durable) override {
    return ask_consumer(*control_->current(), stream, durable);
  }

  std::vector<std::string> consumer_names(std::string_view stream) override {
    return ask_consumer_names(*control_->current(), stream).value_or(std::vector<std::string>{});
  }

  std::unique_ptr<delivery_source> make_source(std::string_view stream, std::string_view durable,
                                               std::size_t request_max) override {
    return make_pull_source(lines_, checked_name(stream), checked_name(durable), request_max,
                            report(0));
  }

  std::unique_ptr<publisher> make_publisher() override { return make_confirming_publisher(lines_); }

  std::unique_ptr<question_desk> make_desk(std::vector<std::string> subjects) override {
    return make_question_desk(control_, std::move(subjects),
                              {.reply_prefix = options_.reply_prefix});
  }

  std::unique_ptr<inquirer> make_inquirer() override { return make_nats_inquirer(control_); }

  std::unique_ptr<peer_line> make_peer_line(boot_id peer) override {
    return make_nats_peer_line(control_, entries_subject(peer));
  }

  std::unique_ptr<peer_line> make_ask_line() override {
    return make_nats_peer_line(control_, std::string(names::cluster_ask));
  }

  std::unique_ptr<question_desk> make_entries_desk(boot_id self) override {
    return make_question_desk(control_, {entries_subject(self)},
                              {.count_max = 4096,
                               .bytes_max = std::size_t{16} << 20,
                               .payload_max = link_bytes_max,
                               .reply_prefix = options_.reply_prefix,
                               .queue_group = {},
                               .in_order = true});
  }

  std::unique_ptr<word_line> make_word_line() override { return make_nats_word_line(control_); }

  std::unique_ptr<question_desk> make_cluster_desk() override {
    auto subjects = service_subjects();
    subjects.insert(subjects.begin(), std::string(names::cluster_ask));
    return make_question_desk(control_, std::move(subjects),
                              {.reply_prefix = options_.reply_prefix, .queue_group = {}});
  }

  void read(std::string_view stream, std::string_view subject_filter, std::uint64_t first_seq,
            const std::function<bool(const stored_message&)>& visit) override {
    read_stream(*lines_, options_.client_name, stream, subject_filter, {.seq = first_seq}, visit,
                reading_cancelled_);
  }

  void read_since(std::string_view stream, std::int64_t since_ns,
                  const std::function<bool(const stored_message&)>& visit) override {
    read_stream(*lines_, options_.client_name, stream, "",
                {.since_ns = std::max<std::int64_t>(since_ns, 1)}, visit, reading_cancelled_);
  }

  std::optional<stored_message> message(std::string_view stream, std::uint64_t seq) override {
    return ask_message(*control_->current(), stream, seq);
  }

  std::optional<stored_message> last_message(std::string_view stream,
                                             std::string_view subject) override {
    return ask_last_message(*control_->current(), stream, subject);
  }

  void delete_message(std::string_view stream, std::uint64_t seq) override {
    const auto answer =
        ask_jetstream(*control_->current(), "STREAM.MSG.DELETE." + checked_name(stream),
                      "{\"seq\":" + std::to_string(seq) + "}");
    if (!answer.error.empty())
      throw std::runtime_error("JetStream, deleting message " + std::to_string(seq) + " of "
                               + std::string(stream) + ": " + answer.error);
  }

  void publish_all(const std::function<std::optional<outgoing>()>& next, std::size_t window,
                   const std::function<void(std::uint64_t)>& progress,
                   std::chrono::milliseconds patience) override {
    publish_and_wait(make_publisher(), next, window, progress, patience);
  }

  void delete_stream(std::string_view name) override {
    const auto answer =
        ask_jetstream(*control_->current(), "STREAM.DELETE." + checked_name(name), "");
    if (!answer.error.empty() && answer.code != api_stream_not_found)
      throw std::runtime_error("JetStream, deleting " + std::string(name) + ": " + answer.error);
  }

private:
  lifeline::report report(std::size_t which) {
    return [story = story_, which](link_event event, const std::string& detail) {
      story->tell(which, event, detail);
    };
  }

  const broker_options options_;
  std::atomic<bool> reading_cancelled_{false};
  const std::shared_ptr<link_story> story_;
  const std::shared_ptr<lifeline> control_;
  const std::shared_ptr<lifeline> data_;
  const std::shared_ptr<line_pair> lines_;
};

} // namespace

std::unique_ptr<broker> broker::connect(const broker_options& options, link_observer observe) {
  return std::make_unique<nats_broker>(options, std::move(observe));
}

} // namespace ledgerd
