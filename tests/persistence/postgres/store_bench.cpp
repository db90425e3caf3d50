// How fast one PostgreSQL store posts, and where the time goes. Run by hand against a database of
// its own:
//
//   persistence_bench URL ACCOUNTS ENTRIES [BATCH=1000] [DUPLICATE_PERCENT=0] [HEADS=given|unknown]
//
// Entries go to evenly spread accounts; duplicates repeat ids of earlier batches. Prints one line.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <unordered_map>

#include "persistence/postgres.hpp"
#include "persistence/schema.hpp"

using namespace ledgerd;

namespace {

struct options {
  std::string url;
  std::int64_t accounts;
  std::int64_t entries;
  std::int64_t batch;
  int duplicate_percent;
  bool heads_given;
};

// What a fleet of ledger actors would know and ask.
class workload {
public:
  explicit workload(const options& wanted)
      : wanted_(wanted), first_id_(std::chrono::system_clock::now().time_since_epoch().count()),
        next_id_(first_id_) {}

  posting_batch next_batch() {
    std::unordered_map<std::int64_t, std::size_t> places;
    posting_batch result;
    for (std::int64_t i = 0; i < wanted_.batch; ++i) {
      const auto id = is_duplicate() ? uniform(first_id_, next_id_ - 1) : next_id_++;
      // The account follows from the id, so that a duplicate repeats its content.
      const auto number = (id - first_id_) * 2654435761 % wanted_.accounts;
      const auto [place, is_new] = places.emplace(number, result.heads.size());
      if (is_new)
        result.heads.push_back(head_of(number));
      result.entries.push_back(
          {{record_id{id}, result.heads[place->second].account,
            id % 3 == 0 ? movement::withdrawal : movement::deposit, money{1 + id % 1000}},
           place->second});
    }
    // Account after account, as the gate has them.
    std::stable_sort(result.entries.begin(), result.entries.end(),
                     [](const auto& a, const auto& b) { return a.head < b.head; });
    return result;
  }

  void learn(const std::vector<account_head>& heads, const posting_batch& batch) {
    for (std::size_t i = 0; i < heads.size(); ++i)
      heads_[batch.heads[i].account] = heads[i];
  }

private:
  batch_head head_of(std::int64_t number) {
    account_key key{"user-" + std::to_string(number), *currency_code::parse("KRW")};
    std::optional<account_head> head;
    if (const auto found = heads_.find(key); wanted_.heads_given && found != heads_.end())
      head = found->second;
    return {std::move(key), head};
  }

  bool is_duplicate() { return next_id_ > first_id_ && uniform(0, 99) < wanted_.duplicate_percent; }

  std::int64_t uniform(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }

  options wanted_;
  std::int64_t first_id_, next_id_;
  std::mt19937_64 random_{1};
  std::unordered_map<account_key, account_head, account_key_hash> heads_;
};

std::int64_t nanoseconds(clockid_t which) {
  timespec now{};
  clock_gettime(which, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

int run(const options& wanted) {
  migrate(wanted.url);
  const auto store = make_postgres_store(wanted.url);
  workload load(wanted);
  std::int64_t wall = 0, client = 0, posts = 0;
  post_statistics sum;
  for (std::int64_t done = 0; done < wanted.entries; done += wanted.batch, ++posts) {
    const auto batch = load.next_batch();
    wall -= nanoseconds(CLOCK_MONOTONIC);
    client -= nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    const auto result = store->post(batch);
    client += nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    wall += nanoseconds(CLOCK_MONOTONIC);
    if (const auto failure = std::get_if<store_failure>(&result)) {
      std::fprintf(stderr, "%s\n", failure->detail.c_str());
      return 1;
    }
    const auto& success = std::get<posted>(result);
    sum.rows += success.statistics.rows;
    sum.raced += success.statistics.raced;
    sum.heads_read += success.statistics.heads_read;
    load.learn(success.heads, batch);
  }
  const auto entries = posts * wanted.batch;
  std::printf("%lld entries/s, %lld us a batch, %lld ns of client CPU an entry; "
              "%u rows, %u heads read, %u raced\n",
              static_cast<long long>(entries * 1'000'000'000 / wall),
              static_cast<long long>(wall / posts / 1000), static_cast<long long>(client / entries),
              sum.rows, sum.heads_read, sum.raced);
  return 0;
}

std::int64_t number(int argc, char** argv, int index, std::int64_t otherwise) {
  return index < argc ? std::atoll(argv[index]) : otherwise;
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s URL ACCOUNTS ENTRIES [BATCH] [DUPLICATE_PERCENT] [HEADS]\n",
                 argv[0]);
    return 2;
  }
  return run({argv[1], number(argc, argv, 2, 1), number(argc, argv, 3, 1),
              number(argc, argv, 4, 1000), static_cast<int>(number(argc, argv, 5, 0)),
              argc <= 6 || std::string_view(argv[6]) != "unknown"});
}
