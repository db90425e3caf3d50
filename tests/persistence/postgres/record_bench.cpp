// How fast one PostgreSQL record store records, settles and finds. Run by hand against a database
// of its own:
//
//   record_bench URL RECORDS [BATCH=200] [KEYS=keyed|none]
//
// Prints one line for each function.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "persistence/record_store.hpp"
#include "persistence/schema.hpp"

using namespace ledgerd;

namespace {

using clock = std::chrono::steady_clock;

struct phase {
  const char* name;
  std::chrono::nanoseconds wall{};
  long long records = 0;
  long long batches = 0;

  void print() const {
    const auto nanoseconds = std::max<long long>(wall.count(), 1);
    std::printf("%-8s %7lld records/s, %6lld us a batch\n", name,
                records * 1'000'000'000 / nanoseconds,
                nanoseconds / std::max<long long>(batches, 1) / 1000);
  }
};

// Runs and times one call; ends the program when it fails.
template <class Call>
auto timed(phase& counted, std::size_t records, Call call) {
  const auto start = clock::now();
  auto result = call();
  counted.wall += clock::now() - start;
  counted.records += static_cast<long long>(records);
  ++counted.batches;
  if (const auto failure = std::get_if<store_failure>(&result)) {
    std::fprintf(stderr, "%s\n", failure->detail.c_str());
    std::exit(1);
  }
  return std::get<0>(std::move(result));
}

void run(const std::string& url, std::int64_t records, std::int64_t size, bool keyed) {
  migrate(url, schema::account);
  const auto store = make_postgres_record_store(url);
  phase phases[] = {{"record"}, {"repeat"}, {"settle"}, {"known"}, {"find"}, {"claim"}};
  const auto run_id = std::to_string(clock::now().time_since_epoch().count());
  for (std::int64_t made = 0; made < records;) {
    std::vector<new_record> batch;
    for (std::int64_t i = 0; i < size; ++i, ++made)
      batch.push_back(
          {{{"user-" + std::to_string(made % 10'000), *currency_code::parse("KRW")},
            made % 3 == 0 ? movement::withdrawal : movement::deposit,
            money{1 + made % 1000}},
           keyed ? run_id + "-" + std::to_string(made * 2654435761 % 4294967296) : std::string()});
    const auto answers = timed(phases[0], batch.size(), [&] { return store->record(batch); });
    if (keyed && made % (8 * size) == 0)
      timed(phases[1], batch.size(), [&] { return store->record(batch); });
    std::vector<record_verdict> verdicts;
    std::vector<record_id> ids;
    for (const auto& [outcome, row] : answers) {
      verdicts.push_back(
          {row.id, row.asked, record_status::success, transaction_id{1}, {}, money{1}});
      ids.push_back(row.id);
    }
    timed(phases[2], batch.size(), [&] { return store->settle(verdicts); });
    if (made % (8 * size) == 0) {
      timed(phases[3], batch.size(), [&] { return store->settle(verdicts); });
      timed(phases[4], batch.size(), [&] { return store->find(ids); });
      timed(phases[5], 0, [&] { return store->claim(std::chrono::milliseconds(0), 1000); });
    }
  }
  for (const auto& each : phases)
    each.print();
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s URL RECORDS [BATCH] [KEYS]\n", argv[0]);
    return 2;
  }
  run(argv[1], std::atoll(argv[2]), argc > 3 ? std::atoll(argv[3]) : 200,
      argc <= 4 || std::string_view(argv[4]) != "none");
}
