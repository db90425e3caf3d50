#include "tests/support/memory_record_store.hpp"

#include <set>

#define CAF_SUITE memory_record_store
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct record_world {
  std::unique_ptr<record_store> store() { return std::make_unique<memory_record_store>(shared); }

  memory_record_database::content content() const { return shared->picture(); }

  void pass(std::chrono::milliseconds time) { shared->pass(time); }

  std::shared_ptr<memory_record_database> shared = std::make_shared<memory_record_database>();
};

} // namespace

#include "tests/persistence/record_contract.hpp"

CAF_TEST(calls fail as often and as they are told to) {
  memory_record_store store;
  store.fail_next(2, store_failure_kind::unavailable);
  const std::vector<new_record> batch{{ask("ann", 1), "k"}};
  for (int i = 0; i < 2; ++i)
    CAF_CHECK(kind_of(store.record(batch)) == store_failure_kind::unavailable);
  CAF_CHECK(store.shared()->picture().empty());
  CAF_CHECK(done(store.record(batch)).front().outcome == record_outcome::recorded);
  CAF_CHECK_EQUAL(store.calls(), 3);
}

CAF_TEST(a commit in doubt is found again) {
  memory_record_store store;
  store.commit_in_doubt_next(1);
  const std::vector<new_record> batch{{ask("ann", 1), "k"}};
  CAF_CHECK(kind_of(store.record(batch)) == store_failure_kind::in_doubt);
  CAF_CHECK(done(store.record(batch)).front().outcome == record_outcome::repeated);
}
