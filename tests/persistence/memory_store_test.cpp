#include "tests/support/memory_store.hpp"

#define CAF_SUITE memory_store
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct world {
  std::unique_ptr<ledger_store> store() {
    auto result = std::make_unique<memory_store>(shared);
    for (const auto id : rejected)
      result->reject(id);
    return result;
  }

  memory_database::content content() const { return shared->picture(); }

  void reject(record_id id) { rejected.push_back(id); }

  std::shared_ptr<memory_database> shared = std::make_shared<memory_database>();
  std::vector<record_id> rejected;
};

} // namespace

#include "tests/persistence/store_contract.hpp"

CAF_TEST(posts fail as often and as they are told to) {
  memory_store store;
  store.fail_next(2, store_failure_kind::unavailable);
  const auto batch = group(won("ann"), {}, {deposit(1, 1)});
  for (int i = 0; i < 2; ++i)
    CAF_CHECK(failure_of(store.post(batch)) == store_failure_kind::unavailable);
  CAF_CHECK(store.shared()->picture().postings.empty());
  CAF_CHECK(posted_of(store.post(batch)).statistics.rows == 1);
  CAF_CHECK_EQUAL(store.posts(), 3);
}

CAF_TEST(a commit in doubt is found again) {
  memory_store store;
  store.commit_in_doubt_next(1);
  const auto batch = group(won("ann"), head(0, 0), {deposit(1, 1)});
  CAF_CHECK(failure_of(store.post(batch)) == store_failure_kind::in_doubt);
  const auto again = posted_of(store.post(batch));
  CAF_CHECK_EQUAL(again.answers.at(0).verdict, outcome::duplicate);
  CAF_CHECK(again.heads.at(0) == head(1, 1));
}
