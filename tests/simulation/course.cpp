// The course of a run: everything starts, things go wrong for a while, then nothing does any more,
// and all must come to rest within a bound.
#include <algorithm>
#include <utility>

#include "actors/common/ask.hpp"
#include "actors/common/unstored.hpp"
#include "messaging/codec.hpp"
#include "messaging/names.hpp"
#include "tests/simulation/traffic.hpp"
#include "tests/simulation/troubles.hpp"
#include "tests/simulation/world.hpp"

namespace ledgerd::sim {

namespace {

// Everything is at rest so long after the last fault at most: the longest wait in the system is the
// pause of 30 s after which a postponed dead letter is delivered again, and accounts that were
// locked wait up to 3 s more.
constexpr milliseconds rest_within{50000};

// A letter that was given up here and that another node has stored since: nobody tells this one.
constexpr auto forgotten_within = unstored_letters::forget_after + milliseconds{10000};

// How things are, not what is still to be done: these may be above 0 for ever, or for a minute
// after an account was aside. All other gauges are 0 at rest.
const std::set<std::string_view> lasting{"credit", "idle_ms", "ledgers", "shards",
                                         "peers",  "link_up", "members", "aside_accounts"};
// What was given up, and for how long.
const std::set<std::string_view> remembered_things{"unstored", "oldest_unconfirmed_ms"};

} // namespace

void world::direct() {
  auto& dice = machine_.random;
  const std::size_t count = 1 + dice.below(3);
  fetchers_ = 1 + static_cast<int>(dice.below(2));
  gates_ = 1 + static_cast<int>(dice.below(2));
  credit_ = 16 * static_cast<std::size_t>(fetchers_) * (1 + dice.below(3));
  if (dice.one_in(4))
    grow_requests();
  const bool with_account = !dice.one_in(3);
  for (std::size_t i = 0; i < count; ++i)
    nodes_.push_back({.name = std::string(1, static_cast<char>('a' + i)) + std::to_string(seed_),
                      .has_account = with_account && (i == 0 || dice.one_in(2))});
  part_roles();
  database_.refused.insert(record_id{refused_id});
  watch_bounds();
  watch_leases();
  watch_deletions();
  troubles trouble{*this};
  traffic clients{*this};
  const bool calm = dice.one_in(16);
  if (!calm && !dice.one_in(8))
    trouble.set_weather();
  for (auto& each : nodes_)
    start(each);
  if (!calm && dice.one_in(5))
    machine_.start(nobody, [this] { limit_deliveries(); });
  if (!calm && dice.one_in(6))
    machine_.start(nobody, [this] { make_requests_anew(); });
  const milliseconds lasts{4000 + static_cast<std::int64_t>(dice.below(12000))};
  const auto end = machine_.now + lasts;
  clients.begin(40 + dice.below(160), with_account ? 1 + dice.below(30) : 0, lasts);
  const milliseconds pause{200 + static_cast<std::int64_t>(dice.below(3000))};
  if (calm)
    trouble.silence_one_consumer(end);
  while (machine_.now < end) {
    machine_.sleep(dice.between(nanoseconds{0}, 2 * pause));
    trouble.begin();
    sample();
  }
  heal();
  const auto healed = machine_.now;
  const bool rests = came_to_rest(healed);
  note("settled after " + std::to_string(result_.settled.count()) + " ms");
  if (result_.violations.empty() && !rests)
    for (const auto& each : held(true))
      fail("not at rest: " + each);
  check_all();
  machine_.finish();
}

// Requests that take so much that a node's bytes are lent out before its credit is, under names
// that fill the frames between nodes; and a server that takes less than usual in one message.
void world::grow_requests() {
  auto& dice = machine_.random;
  constexpr std::size_t limits[] = {1024, 4096, 70000, std::size_t{1} << 20};
  network_.payload_max = limits[dice.below(4)];
  request_bytes_ = std::min<std::size_t>(payload_bytes_max, network_.payload_max);
  users_ = 1 + dice.below(users_);
  padding_ = 50 + dice.below(50);
  credit_ = 400 * static_cast<std::size_t>(fetchers_);
  ++result_.seen["requests near their limit"];
  if (network_.payload_max < payload_bytes_max)
    ++result_.seen["server takes less"];
}

std::string world::user(std::size_t number) const {
  return "user-" + std::to_string(number % users_) + std::string(padding_, '.');
}

// Nodes of one role beside others: of the account side alone only where another has the ledger.
void world::part_roles() {
  auto& last = nodes_.back();
  if (nodes_.size() > 1 && nodes_.front().has_account && machine_.random.one_in(3)) {
    nodes_.front().has_ledger = false;
    last.has_account = last.has_account && machine_.random.one_in(2);
    ++result_.seen["node of the account side alone"];
  }
  if (nodes_.front().has_account && !last.has_account)
    ++result_.seen["node of the ledger alone"];
}

// Somebody else does so on the server, against all advice: what is given up has to be recovered.
void world::limit_deliveries() {
  machine_.sleep(milliseconds{1000 + static_cast<std::int64_t>(machine_.random.below(3000))});
  auto* of = jetstream_.find("TRANSACTIONS");
  if (of == nullptr)
    return;
  note("deliveries are limited");
  ++result_.seen["deliveries limited"];
  for (auto& [name, each] : of->consumers)
    if (each->settles)
      each->limit_deliveries(3);
}

// An operator's mistake: what is not decided yet is gone with the stream, and its sequence numbers
// come again.
void world::make_requests_anew() {
  machine_.sleep(milliseconds{2000 + static_cast<std::int64_t>(machine_.random.below(6000))});
  const auto* of = jetstream_.find("TRANSACTIONS");
  if (of == nullptr || healed_ || !network_.is_up())
    return;
  note("the stream of requests is made anew");
  ++result_.seen["stream made anew"];
  excuse_undecided(*of);
  jetstream_.make_anew("TRANSACTIONS");
}

void world::heal() {
  healed_ = true;
  note("everything is whole again");
  network_.faults = {};
  database_.faults = {};
  if (!network_.is_up())
    jetstream_.restart();
  network_.server_up();
  for (auto& [name, each] : jetstream_.streams) {
    each->full = false;
    for (auto& [consumer_name, at] : each->consumers)
      at->led = true;
    if (!each->discards_new)
      continue;
    each->messages_max = each->bytes_max = 0;
    each->tell_limits();
  }
  network_.join_all();
  database_.come_up();
  database_.be_read_only(false);
  database_.unlock();
  for (const auto& each : lives_) {
    database_.mend(each->id);
    network_.release(each->id);
    if (each->stopped && !each->dead)
      freeze(*each, false);
  }
  for (auto& each : nodes_)
    if (each.now == nullptr)
      start(each);
  // Who is leaving is started again when he is gone.
  machine_.start(nobody, [this] {
    while (!all_there()) {
      machine_.sleep(milliseconds{100});
      for (auto& each : nodes_)
        if (each.now == nullptr)
          start(each);
    }
  });
}

bool world::all_there() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [](const node& each) {
    return each.now != nullptr && each.now->running && !each.now->leaving;
  });
}

bool world::came_to_rest(time_point healed) {
  for (const bool remembered : {false, true}) {
    const auto until = healed + rest_within + (remembered ? forgotten_within : milliseconds{0});
    while (!held(remembered).empty()) {
      if (machine_.now >= until || !result_.violations.empty())
        return false;
      machine_.sleep(milliseconds{remembered ? 5000 : 250});
    }
    if (!remembered)
      result_.settled = std::chrono::duration_cast<milliseconds>(machine_.now - healed);
  }
  return true;
}

void world::ask_reports(life& one, std::vector<actor_report>& into) {
  std::size_t open = 0;
  const auto ask_one = [&](const auto& root) {
    if (!root)
      return;
    ++open;
    ask(
        *one.system, root, std::chrono::seconds{3},
        [&](const std::vector<actor_report>& all) {
          into.insert(into.end(), all.begin(), all.end());
          --open;
          machine_.signal(&open, true);
        },
        [&] {
          into.push_back(silent_report("root"));
          --open;
          machine_.signal(&open, true);
        },
        report_atom_v);
  };
  ask_one(one.ledger);
  ask_one(one.account);
  while (open > 0)
    machine_.wait(&open, time_point::max());
}

// What somebody holds, such as "gate 0 of ann: waiting 3"; empty: nothing. `remembered`: also what
// is over and only kept in mind.
std::vector<std::string> world::held(bool remembered) {
  std::vector<std::string> result;
  if (producing_ || submissions_open_ > 0)
    result.push_back("clients: " + std::to_string(submissions_open_) + " calls");
  for (const auto& [name, of] : jetstream_.streams)
    for (const auto& [consumer_name, at] : of->consumers)
      if (at->settles && (at->waiting > 0 || !at->pending.empty()))
        result.push_back("consumer " + consumer_name + ": waiting " + std::to_string(at->waiting)
                         + ", unsettled " + std::to_string(at->pending.size()));
  // What a consumer has given up is struck out once it is recovered.
  if (const auto* list = jetstream_.find(names::exhausted_stream); list && !list->messages.empty())
    result.push_back("given up and not recovered: " + std::to_string(list->messages.size()));
  for (const auto& each : jetstream_.missing())
    result.push_back("consumer " + each + " is missing");
  for (const auto& [id, record] : database_.records->picture())
    if (record.status == record_status::pending)
      result.push_back("record " + std::to_string(to_int(id)) + ": PENDING");
  if (!result.empty())
    return result; // no need to ask
  for (auto& each : nodes_) {
    if (each.now == nullptr || !each.now->running || each.now->leaving) {
      result.push_back(each.name + " is away");
      continue;
    }
    std::vector<actor_report> all;
    ask_reports(*each.now, all);
    for (const auto& report : all) {
      const auto whose = report.actor + " " + report.instance + " of " + each.name + ": ";
      if (!report.answered)
        result.push_back(whose + "says nothing");
      for (const auto& [what, value] : report.values)
        if (what->kind == metric_kind::gauge && value != 0 && value != not_known
            && !lasting.contains(what->name)
            && (remembered || !remembered_things.contains(what->name)))
          result.push_back(whose + std::string{what->name} + " " + std::to_string(value));
    }
  }
  return result;
}

// What is held stays below its bound at all times.
void world::sample() {
  for (auto& each : nodes_) {
    if (each.now == nullptr || !each.now->running || each.now->leaving || each.now->stopped
        || !each.now->ledger)
      continue;
    auto* who = each.now;
    ask(
        *who->system, who->ledger, std::chrono::seconds{3},
        [this, name = each.name](const std::vector<actor_report>& all) {
          for (const auto& report : all) {
            std::int64_t holds = 0, credit = 0;
            for (const auto& [what, value] : report.values) {
              holds += what->name == "held" ? value : 0;
              credit += what->name == "credit" ? value : 0;
              if (what->kind == metric_kind::counter && value > 0
                  && what->name == "fence_rejections_total")
                ++result_.seen["fence rejected"];
            }
            // Beside its credit the surplus of requests that were given up too early, which happens
            // at most twice before a silent connection is made anew.
            if (report.actor == "fetcher" && credit > 0 && holds > 3 * credit)
              fail("fetcher " + report.instance + " of " + name + " holds " + std::to_string(holds)
                   + " with a credit of " + std::to_string(credit));
          }
        },
        [] {}, report_atom_v);
  }
}

} // namespace ledgerd::sim
