#include "actors/common/meter.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

std::int64_t milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

// All meters of the process.
struct meter_board {
  struct row {
    std::string kind;
    std::string instance;
    std::shared_ptr<actor_meter> meter;
  };

  std::mutex mutex;
  std::unordered_map<const void*, row> rows;
  std::map<std::string, runtime_counters> ended; // by kind
  std::vector<const crowd*> crowds;
  std::vector<std::vector<std::unique_ptr<crowd_cell>>> cells; // of each crowd, one for each thread
};

// Never destroyed: threads may count until the very end.
meter_board& board() {
  static auto* const only = new meter_board;
  return *only;
}

actor_report report_of(const meter_board::row& row, actor_meter::clock::time_point now) {
  runtime_counters counted;
  row.meter->add_to(counted);
  return make_report(row.kind, row.instance,
                     runtime_numbers{counted,
                                     {.actors = 1,
                                      .mailbox = row.meter->mailbox(),
                                      .busy_ms = milliseconds(row.meter->busy(now))}});
}

} // namespace

void timing::record(std::chrono::nanoseconds duration) noexcept {
  constexpr const auto& bounds = duration_histogram::bounds_us;
  const auto ns = std::max<std::int64_t>(0, duration.count());
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), (ns + 999) / 1000);
  auto& count = buckets_[static_cast<std::size_t>(bucket - bounds.begin())];
  count.store(count.load(relaxed) + 1, relaxed);
  sum_ns_.store(sum_ns_.load(relaxed) + ns, relaxed);
}

void timing::add_to(duration_histogram& sum) const noexcept {
  for (std::size_t i = 0; i < buckets_.size(); ++i)
    sum.add_bucket(i, buckets_[i].load(relaxed));
  sum.add_sum_us(sum_ns_.load(relaxed) / 1000);
}

void actor_meter::begin() noexcept {
  if (last_ == clock::time_point{})
    last_ = clock::now();
  busy_since_.store(last_.time_since_epoch().count(), relaxed);
  if (probe_.is_at(handled_.load(relaxed) + 1))
    waiting_.record(probe_.take(last_));
}

void actor_meter::end() noexcept {
  const auto now = clock::now();
  processing_.record(now - last_);
  last_ = now;
  busy_since_.store(0, relaxed);
  handled_.store(handled_.load(relaxed) + 1, relaxed);
}

void actor_meter::add_to(runtime_counters& sum) const noexcept {
  sum.messages += static_cast<std::int64_t>(handled_.load(relaxed));
  processing_.add_to(sum.processing_time);
  waiting_.add_to(sum.mailbox_time);
}

// Without the one under way. Read in this order, it is never less than what waits.
std::int64_t actor_meter::mailbox() const noexcept {
  const auto busy = busy_since_.load(relaxed) != 0 ? 1 : 0;
  const auto handled = static_cast<std::int64_t>(handled_.load(relaxed));
  const auto arrived = static_cast<std::int64_t>(arrived_.load(relaxed));
  return std::max<std::int64_t>(0, arrived - handled - busy);
}

std::chrono::nanoseconds actor_meter::busy(clock::time_point now) const noexcept {
  const auto since = busy_since_.load(relaxed);
  return since == 0 ? clock::duration{0}
                    : std::max(clock::duration{0}, now.time_since_epoch() - clock::duration{since});
}

crowd::crowd(std::string_view kind) : kind_(kind) {
  auto& all = board();
  const std::lock_guard lock{all.mutex};
  number_ = all.crowds.size();
  all.crowds.push_back(this);
  all.cells.emplace_back();
}

crowd_cell& crowd::here() noexcept {
  constexpr std::size_t crowds_max = 8;
  thread_local std::array<crowd_cell*, crowds_max> mine{};
  LEDGERD_ASSERT(number_ < crowds_max);
  auto*& cell = mine[number_];
  if (cell == nullptr) {
    auto& all = board();
    const std::lock_guard lock{all.mutex};
    cell = all.cells[number_].emplace_back(std::make_unique<crowd_cell>()).get();
  }
  return *cell;
}

// The board is locked.
actor_report crowd::report() const {
  runtime_counters counted;
  std::int64_t lives = 0;
  std::int64_t gone = 0; // messages that wait no more
  std::int64_t arrived = 0;
  for (const auto& cell : board().cells[number_]) {
    counted.messages += cell->handled.load(relaxed);
    gone += cell->handled.load(relaxed) + cell->left.load(relaxed);
    lives += cell->began.load(relaxed) - cell->ended.load(relaxed);
    cell->processing.add_to(counted.processing_time);
    cell->waiting.add_to(counted.mailbox_time);
  }
  for (const auto& cell : board().cells[number_])
    arrived += cell->arrived.load(relaxed);
  return make_report(kind_, "",
                     runtime_numbers{counted,
                                     {.actors = lives,
                                      .mailbox = std::max<std::int64_t>(0, arrived - gone),
                                      .busy_ms = not_known}});
}

void crowd_meter::arrive() noexcept {
  if (closed_.load(relaxed))
    return; // nobody will handle it
  auto& cell = crowd_->here();
  crowd_cell::add(cell.arrived, 1);
  const auto place = arrived_.fetch_add(1, relaxed) + 1;
  if (++cell.sent % timed_one_in == 0)
    probe_.put(place);
}

void crowd_meter::begin() noexcept {
  auto& cell = crowd_->here();
  timed_ = ++cell.taken % timed_one_in == 0;
  const bool followed = probe_.is_at(handled_ + 1);
  if (!timed_ && !followed)
    return;
  began_ = clock::now();
  if (followed)
    cell.waiting.record(probe_.take(began_));
}

void crowd_meter::end() noexcept {
  auto& cell = crowd_->here();
  ++handled_;
  crowd_cell::add(cell.handled, 1);
  if (timed_)
    cell.processing.record(clock::now() - began_);
}

void crowd_meter::close() noexcept {
  if (closed_.exchange(true, relaxed))
    return;
  auto& cell = crowd_->here();
  crowd_cell::add(cell.ended, 1);
  crowd_cell::add(cell.left, static_cast<std::int64_t>(arrived_.load(relaxed) - handled_));
}

std::shared_ptr<actor_meter> open_meter(const void* actor, std::string_view kind) {
  auto meter = std::make_shared<actor_meter>();
  auto& all = board();
  const std::lock_guard lock{all.mutex};
  all.rows.insert_or_assign(actor, meter_board::row{std::string{kind}, {}, meter});
  return meter;
}

void close_meter(const void* actor) noexcept {
  auto& all = board();
  const std::lock_guard lock{all.mutex};
  const auto found = all.rows.find(actor);
  if (found == all.rows.end())
    return;
  found->second.meter->add_to(all.ended[found->second.kind]);
  all.rows.erase(found);
}

void name_meter(const void* actor, std::string_view kind, std::string_view instance) {
  auto& all = board();
  const std::lock_guard lock{all.mutex};
  const auto found = all.rows.find(actor);
  if (found == all.rows.end())
    return;
  found->second.kind = kind;
  found->second.instance = instance;
}

std::vector<actor_report> read_meters() {
  std::vector<actor_report> result;
  auto& all = board();
  const std::lock_guard lock{all.mutex};
  const auto now = actor_meter::clock::now();
  for (const auto& [actor, row] : all.rows)
    result.push_back(report_of(row, now));
  for (const auto* each : all.crowds)
    result.push_back(each->report());
  for (const auto& [kind, counted] : all.ended)
    result.push_back(make_report(
        kind, "ended", runtime_numbers{counted, {.actors = 0, .mailbox = 0, .busy_ms = 0}}));
  std::sort(result.begin(), result.end(), [](const actor_report& one, const actor_report& other) {
    return std::tie(one.actor, one.instance) < std::tie(other.actor, other.instance);
  });
  return result;
}

} // namespace ledgerd
