// The broker between the nodes of a cluster, as it must be expected: it loses, delays, reorders and
// duplicates what it carries, cuts nodes off from each other, one way or both, or from everything.
// Driven by a seed.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "messaging/cluster_ports.hpp"
#include "messaging/ports.hpp"
#include "tests/actors/simulated_broker.hpp"

namespace ledgerd::test {

class simulated_network {
public:
  using time_point = std::chrono::steady_clock::time_point;

  struct chances {
    int lose = 0;      // percent of messages
    int duplicate = 0; // likewise
    int delay = 0;     // likewise: by up to five seconds, so that others overtake them
  };

  struct message {
    boot_id from{};
    std::string to;    // an address
    std::string reply; // an address and a number
    std::string payload;
    std::uint64_t number = 0; // of a reply
    bool nobody = false;
  };

  // What has come to an address.
  struct box {
    boot_id owner{};
    waker wake;
    std::vector<message> got;
  };

  struct events {
    std::int64_t carried = 0;
    std::int64_t lost = 0;
    std::int64_t duplicated = 0;
    std::int64_t delayed = 0;
    std::int64_t kept_apart = 0; // by a partition
    std::int64_t nobody = 0;

    friend bool operator==(const events&, const events&) = default;
  };

  explicit simulated_network(std::uint32_t seed) : random_(seed) {}

  chances weather;
  events seen;

  static std::string words_of(boot_id node) { return "word." + to_text(node); }
  static std::string entries_of(boot_id node) { return "node." + to_text(node); }

  // Never given twice, so that what was meant for an earlier line of two nodes reaches no later
  // one: frames are numbered for each line anew.
  std::string new_inbox() { return "_INBOX." + std::to_string(++inboxes_); }

  std::shared_ptr<box> open(const std::string& address, boot_id owner, waker wake) {
    auto& made = boxes_[address];
    made = std::make_shared<box>(box{owner, std::move(wake), {}});
    return made;
  }
  void close(const std::string& address) { boxes_.erase(address); }

  void publish_word(boot_id from, std::string_view word) {
    for (const auto& [address, one] : boxes_)
      if (address.starts_with("word."))
        carry({.from = from, .to = address, .reply = {}, .payload = std::string{word}});
  }

  void carry(message one) {
    if (off_.contains(one.from))
      return;
    ++seen.carried;
    if (happens(weather.lose)) {
      ++seen.lost;
      return;
    }
    auto due = now_ + std::chrono::milliseconds{happens(50) ? 0 : random_() % 100};
    if (happens(weather.delay)) {
      ++seen.delayed;
      due += std::chrono::milliseconds{random_() % 5000};
    }
    if (happens(weather.duplicate)) {
      ++seen.duplicated;
      under_way_.emplace(due + std::chrono::milliseconds{random_() % 500}, one);
    }
    under_way_.emplace(due, std::move(one));
  }

  // Hands out what is due.
  void deliver(time_point now) {
    now_ = now;
    while (!under_way_.empty() && under_way_.begin()->first <= now) {
      auto one = std::move(under_way_.extract(under_way_.begin()).mapped());
      const auto found = boxes_.find(one.to);
      if (found == boxes_.end())
        say_nobody(one);
      else if (passes(one.from, found->second->owner, one.to.starts_with("word.")))
        put(*found->second, std::move(one));
      else
        ++seen.kept_apart;
    }
  }

  // What one says does not reach the other any more; or only its words do.
  void part(boot_id from, boot_id to, bool words_pass) {
    parted_.insert_or_assign({from, to}, words_pass);
  }
  void join(boot_id from, boot_id to) { parted_.erase({from, to}); }

  // It reaches nobody and hears nothing, not even itself: its connection to the broker hangs.
  void cut(boot_id node) { cut_.insert(node); }
  void mend(boot_id node) { cut_.erase(node); }
  bool is_cut(boot_id node) const { return cut_.contains(node) || off_.contains(node); }

  // It is no more. What it has said is still under way.
  void end(boot_id node) {
    off_.insert(node);
    std::erase_if(boxes_, [&](const auto& each) { return each.second->owner == node; });
  }

private:
  bool happens(int percent) { return static_cast<int>(random_() % 100) < percent; }

  bool passes(boot_id from, boot_id to, bool is_word) const {
    if (cut_.contains(from) || cut_.contains(to))
      return false;
    const auto parted = parted_.find({from, to});
    return parted == parted_.end() || (is_word && parted->second);
  }

  static void put(box& into, message one) {
    into.got.push_back(std::move(one));
    if (into.got.size() == 1)
      into.wake();
  }

  // The broker itself answers, where nobody listens.
  void say_nobody(const message& one) {
    if (one.reply.empty() || cut_.contains(one.from))
      return;
    const auto at = one.reply.rfind('.');
    const auto asker = boxes_.find(one.reply.substr(0, at));
    if (asker == boxes_.end())
      return;
    ++seen.nobody;
    put(*asker->second, {.from = {},
                         .to = asker->first,
                         .reply = {},
                         .payload = {},
                         .number = std::stoull(one.reply.substr(at + 1)),
                         .nobody = true});
  }

  std::minstd_rand random_;
  std::uint64_t inboxes_ = 0;
  time_point now_;
  std::multimap<time_point, message> under_way_;
  std::map<std::string, std::shared_ptr<box>> boxes_;
  std::map<std::pair<boot_id, boot_id>, bool> parted_; // whether words pass
  std::set<boot_id> cut_;
  std::set<boot_id> off_;
};

using network_ptr = std::shared_ptr<simulated_network>;

class simulated_word_line : public word_line {
public:
  simulated_word_line(network_ptr by, boot_id self) : by_(std::move(by)), self_(self) {}

  void open(waker wake) override {
    box_ = by_->open(simulated_network::words_of(self_), self_, std::move(wake));
  }
  void say(std::string_view word) override { by_->publish_word(self_, word); }
  std::vector<std::string> take() override {
    std::vector<std::string> result;
    for (auto& each : std::exchange(box_->got, {}))
      result.push_back(std::move(each.payload));
    return result;
  }

private:
  network_ptr by_;
  boot_id self_;
  std::shared_ptr<simulated_network::box> box_;
};

class simulated_peer_line : public peer_line {
public:
  simulated_peer_line(network_ptr by, boot_id self, boot_id peer)
      : by_(std::move(by)), self_(self), peer_(peer), address_(by_->new_inbox()) {}
  ~simulated_peer_line() override { by_->close(address_); }

  void open(waker wake) override { box_ = by_->open(address_, self_, std::move(wake)); }
  void send(std::uint64_t number, std::string_view frame) override {
    by_->carry({.from = self_,
                .to = simulated_network::entries_of(peer_),
                .reply = address_ + "." + std::to_string(number),
                .payload = std::string{frame}});
  }
  std::vector<line_reply> take() override {
    std::vector<line_reply> result;
    for (auto& each : std::exchange(box_->got, {}))
      result.push_back({each.number, each.nobody, std::move(each.payload)});
    return result;
  }
  std::size_t message_bytes_max() const override { return 1 << 20; }

private:
  network_ptr by_;
  boot_id self_;
  boot_id peer_;
  std::string address_;
  std::shared_ptr<simulated_network::box> box_;
};

class simulated_entries_desk : public question_desk {
public:
  simulated_entries_desk(network_ptr by, boot_id self) : by_(std::move(by)), self_(self) {}

  std::size_t message_bytes_max() const override { return 1 << 20; }

  void open(waker wake) override {
    box_ = by_->open(simulated_network::entries_of(self_), self_, std::move(wake));
  }
  std::vector<api_question> take(std::size_t at_most) override {
    std::vector<api_question> result;
    auto& got = box_->got;
    const auto count = std::min(at_most, got.size());
    for (std::size_t i = 0; i < count; ++i) {
      auto& one = result.emplace_back();
      one.payload = std::move(got[i].payload);
      one.reply = std::move(got[i].reply);
    }
    got.erase(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(count));
    return result;
  }
  void answer(const std::string& reply, std::string_view payload,
              const std::vector<header>&) override {
    const auto at = reply.rfind('.');
    by_->carry({.from = self_,
                .to = reply.substr(0, at),
                .reply = {},
                .payload = std::string{payload},
                .number = std::stoull(reply.substr(at + 1))});
  }
  question_losses losses() const override { return {}; }
  void close() override { by_->close(simulated_network::entries_of(self_)); }

private:
  network_ptr by_;
  boot_id self_;
  std::shared_ptr<simulated_network::box> box_;
};

// A source of a node that may be cut off from the broker: it gets nothing, and what it settles is
// lost.
class severable_source : public simulated_source {
public:
  severable_source(std::shared_ptr<simulated_broker> from, network_ptr by, boot_id self)
      : simulated_source(std::move(from)), by_(std::move(by)), self_(self) {}

  void pull(const capacity& allowed) override {
    if (!by_->is_cut(self_))
      simulated_source::pull(allowed);
  }
  void settle(std::string_view receipt, settlement how) override {
    if (!by_->is_cut(self_))
      simulated_source::settle(receipt, how);
  }

private:
  network_ptr by_;
  boot_id self_;
};

class severable_publisher : public simulated_publisher {
public:
  severable_publisher(std::shared_ptr<simulated_broker> to, network_ptr by, boot_id self)
      : simulated_publisher(std::move(to)), by_(std::move(by)), self_(self) {}

  void publish(const outgoing& message) override {
    if (by_->is_cut(self_))
      leave_unconfirmed(message);
    else
      simulated_publisher::publish(message);
  }

private:
  network_ptr by_;
  boot_id self_;
};

} // namespace ledgerd::test
