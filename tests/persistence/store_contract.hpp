// What every ledger store must do. Included once for each implementation, after CAF_SUITE, the test
// kit and a fixture:
//
//   struct world {
//     std::unique_ptr<ledger_store> store();  // another store on the same ledger
//     memory_database::content content();     // what the ledger holds now
//     void reject(record_id id);              // before store(): a row for this id is refused by
//     the ledger
//   };
#pragma once

#include <limits>

#include "tests/persistence/batches.hpp"
#include "tests/persistence/chain.hpp"

CAF_TEST_FIXTURE_SCOPE(store_contract, world)

CAF_TEST(an empty batch is answered) {
  const auto result = posted_of(store()->post({}));
  CAF_CHECK(result.heads.empty() && result.answers.empty());
}

CAF_TEST(the first movement opens an account) {
  const auto result = posted_of(store()->post(group(won("ann"), {}, {deposit(1, 100)})));
  const auto& answered = result.answers.at(0);
  CAF_CHECK_EQUAL(answered.verdict, outcome::applied);
  CAF_CHECK_EQUAL(answered.stored.seq, 1);
  CAF_CHECK_EQUAL(answered.stored.balance_after.minor_units(), 100);
  CAF_CHECK(to_int(answered.stored.id) > 0);
  CAF_CHECK(to_int(answered.stored.created_at) > 1'700'000'000'000'000);
  CAF_CHECK(result.heads.at(0) == head(100, 1));
  CAF_CHECK_EQUAL(result.statistics.rows, 1u);
  CAF_CHECK_EQUAL(result.statistics.heads_read, 1u);
  const auto now = content();
  CAF_CHECK(now.accounts == (std::map<account_key, account_head>{{won("ann"), head(100, 1)}}));
  CAF_CHECK(now.postings.at(record_id{1}) == answered.stored);
}

CAF_TEST(a chain grows over batches) {
  const auto store = this->store();
  auto last = head(0, 0);
  for (int i = 0; i < 20; ++i) {
    const auto result = posted_of(
        store->post(group(won("ann"), last, {deposit(2 * i + 1, 10), withdrawal(2 * i + 2, 4)})));
    CAF_CHECK_EQUAL(result.statistics.fence_rejections, 0u);
    CAF_CHECK_EQUAL(result.statistics.heads_read, 0u);
    last = result.heads.at(0);
  }
  CAF_CHECK(last == head(120, 40));
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(a refused withdrawal opens its account at zero) {
  const auto result = posted_of(store()->post(group(won("ann"), head(0, 0), {withdrawal(1, 5)})));
  CAF_CHECK_EQUAL(result.answers.at(0).verdict, outcome::insufficient_funds);
  CAF_CHECK(result.heads.at(0) == head(0, 1));
  CAF_CHECK(content().accounts.at(won("ann")) == head(0, 1));
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(a balance never leaves 64 bits) {
  constexpr auto top = std::numeric_limits<std::int64_t>::max();
  const auto result = posted_of(store()->post(group(
      won("ann"), {}, {deposit(1, top), deposit(2, 1), withdrawal(3, top), withdrawal(4, 1)})));
  CAF_CHECK(verdicts(result)
            == (std::vector{outcome::applied, outcome::balance_overflow, outcome::applied,
                            outcome::insufficient_funds}));
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(a known record id is answered from what is stored) {
  const auto store = this->store();
  const auto first = posted_of(
      store->post(group(won("ann"), {}, {deposit(1, 100), withdrawal(2, 500), withdrawal(3, 30)})));
  const auto again = posted_of(
      store->post(group(won("ann"), first.heads.at(0),
                        {withdrawal(3, 30), withdrawal(2, 500), deposit(4, 1), deposit(1, 100)})));
  const auto& answers = again.answers;
  CAF_CHECK(verdicts(again)
            == (std::vector{outcome::duplicate, outcome::duplicate, outcome::applied,
                            outcome::duplicate}));
  CAF_CHECK(answers.at(0).stored == first.answers.at(2).stored);
  CAF_CHECK(answers.at(1).stored == first.answers.at(1).stored);
  CAF_CHECK_EQUAL(answers.at(1).stored.verdict, outcome::insufficient_funds);
  CAF_CHECK(answers.at(3).stored == first.answers.at(0).stored);
  CAF_CHECK_EQUAL(again.statistics.rows, 1u);
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(a batch of nothing but known ids writes nothing) {
  const auto store = this->store();
  const auto batch = group(won("ann"), {}, {deposit(1, 100)});
  const auto first = posted_of(store->post(batch));
  const auto before = content();
  const auto again = posted_of(store->post(batch));
  CAF_CHECK_EQUAL(again.statistics.rows, 0u);
  CAF_CHECK(again.answers.at(0).stored == first.answers.at(0).stored);
  CAF_CHECK(again.heads.at(0) == head(100, 1));
  CAF_CHECK(content().accounts == before.accounts && content().postings == before.postings);
}

CAF_TEST(an id that stands in a batch twice is posted once) {
  const auto result = posted_of(store()->post(
      joined({group(won("ann"), {}, {deposit(1, 100), deposit(1, 100), deposit(1, 101)}),
              group(won("bob"), {}, {deposit(1, 100), deposit(2, 7)})})));
  CAF_CHECK(verdicts(result)
            == (std::vector{outcome::applied, outcome::duplicate, outcome::conflict,
                            outcome::conflict, outcome::applied}));
  CAF_CHECK(result.answers.at(3).stored == result.answers.at(0).stored);
  CAF_CHECK(result.heads.at(1) == head(7, 1));
  CAF_CHECK(content().postings.size() == 2);
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(a conflict is answered with its holder and writes nothing) {
  const auto store = this->store();
  const auto first = posted_of(store->post(group(won("ann"), {}, {deposit(1, 100)})));
  const auto result = posted_of(store->post(joined(
      {group(won("ann"), head(100, 1), {deposit(1, 99)}), group(won("bob"), {}, {deposit(1, 100)}),
       group(won("eve"), {}, {withdrawal(1, 100)})})));
  CAF_CHECK(verdicts(result) == (std::vector(3, outcome::conflict)));
  for (const auto& answered : result.answers)
    CAF_CHECK(answered.stored == first.answers.at(0).stored);
  CAF_CHECK(content().accounts.size() == 1);
}

CAF_TEST(the currencies of a user are accounts apart) {
  auto euro = won("ann");
  euro.currency = *currency_code::parse("EUR");
  const auto store = this->store();
  posted_of(store->post(
      joined({group(won("ann"), {}, {deposit(1, 5)}), group(euro, {}, {deposit(2, 6)})})));
  CAF_CHECK(content().accounts.at(won("ann")) == head(5, 1));
  CAF_CHECK(content().accounts.at(euro) == head(6, 1));
}

CAF_TEST(an unknown head is read) {
  posted_of(store()->post(group(won("ann"), {}, {deposit(1, 100)})));
  const auto result = posted_of(store()->post(joined(
      {group(won("bob"), {}, {deposit(2, 1)}), group(won("ann"), {}, {withdrawal(3, 40)})})));
  CAF_CHECK(result.heads.at(1) == head(60, 2));
  CAF_CHECK_EQUAL(result.statistics.heads_read, 2u);
  CAF_CHECK_EQUAL(result.statistics.fence_rejections, 0u);
}

CAF_TEST(an old head is decided anew) {
  const auto ours = store(), theirs = store();
  posted_of(ours->post(group(won("ann"), {}, {deposit(1, 100)})));
  posted_of(theirs->post(group(won("ann"), {}, {withdrawal(2, 80)})));
  // Computed from 100 this withdrawal would go through.
  const auto result =
      posted_of(ours->post(joined({group(won("ann"), head(100, 1), {withdrawal(3, 50)}),
                                   group(won("bob"), head(0, 0), {deposit(4, 9)})})));
  CAF_CHECK_EQUAL(result.answers.at(0).verdict, outcome::insufficient_funds);
  CAF_CHECK(result.heads.at(0) == head(20, 3));
  CAF_CHECK_EQUAL(result.answers.at(1).verdict, outcome::applied);
  CAF_CHECK_EQUAL(result.statistics.fence_rejections, 1u);
  CAF_CHECK_EQUAL(result.statistics.heads_lost, 0u);
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(a head of the right number and another balance is old too) {
  const auto store = this->store();
  posted_of(store->post(group(won("ann"), {}, {deposit(1, 100)})));
  const auto result =
      posted_of(store->post(group(won("ann"), head(1000, 1), {withdrawal(2, 500)})));
  CAF_CHECK_EQUAL(result.answers.at(0).verdict, outcome::insufficient_funds);
  CAF_CHECK_EQUAL(result.statistics.fence_rejections, 1u);
  CAF_CHECK_EQUAL(result.statistics.heads_lost, 1u);
  CAF_CHECK_EQUAL(
      posted_of(store->post(group(won("ann"), head(7, 9), {deposit(3, 1)}))).statistics.heads_lost,
      1u);
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(a head that claims an account is new is old when it is not ) {
  const auto store = this->store();
  posted_of(store->post(group(won("ann"), {}, {deposit(1, 100)})));
  const auto result = posted_of(store->post(group(won("ann"), head(0, 0), {withdrawal(2, 60)})));
  CAF_CHECK(result.heads.at(0) == head(40, 2));
  CAF_CHECK_EQUAL(result.statistics.fence_rejections, 1u);
}

CAF_TEST(a head of an account that the database lost opens it anew) {
  const auto result =
      posted_of(store()->post(group(won("ann"), head(100, 7), {withdrawal(1, 60)})));
  CAF_CHECK_EQUAL(result.answers.at(0).verdict, outcome::insufficient_funds);
  CAF_CHECK(result.heads.at(0) == head(0, 1));
  CAF_CHECK_EQUAL(result.statistics.fence_rejections, 1u);
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(a known posting beyond the head shows that the head is old) {
  const auto ours = store(), theirs = store();
  posted_of(ours->post(group(won("ann"), {}, {deposit(1, 100)})));
  posted_of(theirs->post(group(won("ann"), {}, {deposit(2, 10)})));
  const auto result = posted_of(ours->post(group(won("ann"), head(100, 1), {deposit(2, 10)})));
  CAF_CHECK_EQUAL(result.answers.at(0).verdict, outcome::duplicate);
  CAF_CHECK(result.heads.at(0) == head(110, 2));
  CAF_CHECK_EQUAL(result.statistics.rows, 0u);
}

CAF_TEST(two stores that are given the same messages post each once) {
  const std::unique_ptr<ledger_store> stores[] = {store(), store()};
  std::map<record_id, posting> seen;
  std::optional<account_head> heads[2];
  for (int i = 0; i < 40; ++i) {
    // Each takes turns with the batch that the other had before, and four ids of its own.
    for (int s = 0; s < 2; ++s) {
      std::vector<entry> entries;
      for (int k = 0; k < 8; ++k)
        entries.push_back(deposit(1 + 4 * i + k + 4 * s, 1 + (4 * i + k + 4 * s) % 7));
      const auto result = posted_of(stores[s]->post(group(won("ann"), heads[s], entries)));
      heads[s] = result.heads.at(0);
      for (const auto& each : result.answers) {
        const auto [known, is_new] = seen.emplace(each.stored.record, each.stored);
        CAF_CHECK_EQUAL(each.verdict, is_new ? outcome::applied : outcome::duplicate);
        CAF_CHECK(each.stored == known->second);
      }
    }
  }
  CAF_CHECK(content().postings == seen);
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(the order of the accounts does not matter) {
  const auto batch = joined({group(won("zoe"), {}, {deposit(1, 1), deposit(2, 2)}),
                             group(won("ann"), {}, {deposit(3, 3), withdrawal(4, 4)}),
                             group(won("mia"), {}, {deposit(5, 5)})});
  const auto result = posted_of(store()->post(batch));
  for (std::size_t i = 0; i < batch.entries.size(); ++i) {
    const auto& stored = result.answers.at(i).stored;
    CAF_CHECK(same_content(batch.entries[i].asked, stored));
    CAF_CHECK_EQUAL(to_int(stored.record), to_int(batch.entries[i].asked.id));
    CAF_CHECK(content().postings.at(stored.record) == stored);
  }
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(entries of several accounts are decided in the order of the batch) {
  const auto result = posted_of(
      store()->post(mixed({{won("zoe"), {}}, {won("ann"), head(0, 0)}}, {{withdrawal(1, 1), 0},
                                                                         {deposit(2, 100), 1},
                                                                         {deposit(3, 7), 0},
                                                                         {withdrawal(4, 60), 1},
                                                                         {withdrawal(5, 60), 1},
                                                                         {withdrawal(6, 7), 0}})));
  CAF_CHECK(verdicts(result)
            == (std::vector{outcome::insufficient_funds, outcome::applied, outcome::applied,
                            outcome::applied, outcome::insufficient_funds, outcome::applied}));
  const std::vector<std::int64_t> seqs{1, 1, 2, 2, 3, 3}, balances{0, 100, 7, 40, 40, 0};
  for (std::size_t i = 0; i < seqs.size(); ++i) {
    const auto& stored = result.answers.at(i).stored;
    CAF_CHECK_EQUAL(to_int(stored.record), static_cast<std::int64_t>(i) + 1);
    CAF_CHECK_EQUAL(stored.seq, seqs[i]);
    CAF_CHECK_EQUAL(stored.balance_after.minor_units(), balances[i]);
    CAF_CHECK(content().postings.at(stored.record) == stored);
  }
  CAF_CHECK(result.heads == (std::vector{head(0, 3), head(40, 3)}));
  CAF_CHECK_EQUAL(result.statistics.rows, 6u);
  CAF_CHECK_EQUAL(result.statistics.heads_read, 1u);
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(an id that two accounts ask for belongs to the entry that stands first) {
  // First among the entries; among the heads it is the second.
  const auto result = posted_of(store()->post(
      mixed({{won("ann"), {}}, {won("bob"), {}}},
            {{deposit(1, 5), 1}, {deposit(1, 5), 0}, {deposit(2, 3), 0}, {deposit(1, 5), 1}})));
  CAF_CHECK(
      verdicts(result)
      == (std::vector{outcome::applied, outcome::conflict, outcome::applied, outcome::duplicate}));
  CAF_CHECK_EQUAL(result.answers.at(0).stored.account.user_id, "bob");
  CAF_CHECK(result.answers.at(1).stored == result.answers.at(0).stored);
  CAF_CHECK(result.answers.at(3).stored == result.answers.at(0).stored);
  CAF_CHECK(result.heads == (std::vector{head(3, 1), head(5, 1)}));
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(heads may be given for some of the accounts only) {
  const auto ours = store(), theirs = store();
  posted_of(ours->post(
      joined({group(won("ann"), {}, {deposit(1, 100)}), group(won("bob"), {}, {deposit(2, 100)}),
              group(won("cid"), {}, {deposit(3, 100)})})));
  posted_of(theirs->post(group(won("cid"), {}, {withdrawal(4, 90)})));
  // Old, not given and new, given and right, not given and there.
  const auto old = head(100, 1);
  const auto result = posted_of(
      ours->post(mixed({{won("cid"), old}, {won("new"), {}}, {won("ann"), old}, {won("bob"), {}}},
                       {{withdrawal(5, 60), 2},
                        {withdrawal(6, 60), 0},
                        {deposit(7, 1), 1},
                        {withdrawal(8, 60), 3},
                        {withdrawal(9, 60), 2}})));
  CAF_CHECK(verdicts(result)
            == (std::vector{outcome::applied, outcome::insufficient_funds, outcome::applied,
                            outcome::applied, outcome::insufficient_funds}));
  CAF_CHECK(result.heads == (std::vector{head(10, 3), head(1, 1), head(40, 3), head(40, 2)}));
  CAF_CHECK_EQUAL(result.statistics.heads_read, 2u);
  CAF_CHECK_EQUAL(result.statistics.fence_rejections, 1u);
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(an account without an entry stays as it is) {
  const auto store = this->store();
  posted_of(store->post(
      joined({group(won("ann"), {}, {deposit(1, 100)}), group(won("bob"), {}, {deposit(2, 9)})})));
  const auto before = content();
  const auto idle = posted_of(
      store->post(mixed({{won("ann"), {}}, {won("bob"), head(9, 1)}, {won("new"), {}}}, {})));
  CAF_CHECK(idle.answers.empty());
  CAF_CHECK(idle.heads == (std::vector{head(100, 1), head(9, 1), head(0, 0)}));
  CAF_CHECK(content().accounts == before.accounts && content().postings == before.postings);
  const auto busy = posted_of(store->post(mixed(
      {{won("new"), {}}, {won("ann"), head(100, 1)}, {won("bob"), {}}}, {{deposit(3, 1), 2}})));
  CAF_CHECK(verdicts(busy) == (std::vector{outcome::applied}));
  CAF_CHECK(busy.heads == (std::vector{head(0, 0), head(100, 1), head(10, 2)}));
  CAF_CHECK(content().accounts
            == (std::map<account_key, account_head>{{won("ann"), head(100, 1)},
                                                    {won("bob"), head(10, 2)}}));
}

CAF_TEST(four thousand entries go in one batch) {
  std::vector<posting_batch> groups;
  std::int64_t id = 0;
  for (int user = 0; user < 500; ++user) {
    std::vector<entry> entries;
    for (int k = 0; k < 8; ++k) {
      ++id;
      entries.push_back(k % 3 == 2 ? withdrawal(id, 150) : deposit(id, 100));
    }
    groups.push_back(group(won("user-" + std::to_string(user)), {}, entries));
  }
  const auto result = posted_of(store()->post(joined(groups)));
  CAF_CHECK_EQUAL(result.statistics.rows, 4000u);
  const auto now = content();
  CAF_CHECK_EQUAL(now.postings.size(), 4000u);
  CAF_CHECK_EQUAL(now.accounts.size(), 500u);
  CAF_CHECK_EQUAL(chain_fault(now), "");
}

CAF_TEST(any text is a user) {
  const std::vector<std::string> users{"\"",
                                       "\\",
                                       "'",
                                       "{}",
                                       ",",
                                       "NULL",
                                       "null",
                                       " ",
                                       "a b",
                                       "\\\"",
                                       "{\"a\"}",
                                       "$1",
                                       "%s",
                                       "--",
                                       "'; DROP TABLE ledger.accounts; --",
                                       "\xed\x95\x9c\xea\xb5\xad",
                                       "\xf0\x9f\x92\xb0",
                                       std::string(128, 'x'),
                                       std::string(128, '"'),
                                       std::string(128, '\\'),
                                       "\xc3\xa9",
                                       "e\xcc\x81",
                                       "A",
                                       "a",
                                       "\xef\xbf\xbf"};
  const auto store = this->store();
  std::vector<posting_batch> groups;
  std::int64_t id = 0;
  for (const auto& user : users) {
    ++id;
    groups.push_back(group(won(user), {}, {deposit(id, id)}));
  }
  auto batch = joined(groups);
  const auto first = posted_of(store->post(batch));
  for (std::size_t i = 0; i < users.size(); ++i) {
    CAF_CHECK_EQUAL(first.answers.at(i).stored.account.user_id, users[i]);
    batch.heads[i].head = first.heads.at(i);
    batch.entries[i].asked.type = movement::withdrawal;
    batch.entries[i].asked.id = record_id{1000 + static_cast<std::int64_t>(i)};
  }
  const auto second = posted_of(store->post(batch));
  CAF_CHECK_EQUAL(second.statistics.fence_rejections, 0u);
  for (const auto& each : second.heads)
    CAF_CHECK(each == head(0, 2));
  CAF_CHECK(content().accounts.size() == users.size());
  CAF_CHECK_EQUAL(chain_fault(content()), "");
}

CAF_TEST(a rejected batch writes nothing and the next one goes through) {
  reject(record_id{2});
  const auto store = this->store();
  const auto bad = store->post(
      joined({group(won("ann"), {}, {deposit(1, 1)}), group(won("bob"), {}, {deposit(2, 2)})}));
  CAF_CHECK(failure_of(bad) == store_failure_kind::rejected);
  CAF_CHECK(content().accounts.empty() && content().postings.empty());
  const auto good = posted_of(store->post(group(won("ann"), {}, {deposit(1, 1)})));
  CAF_CHECK_EQUAL(good.statistics.rows, 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
