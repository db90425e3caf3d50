// What every record store must do when records are claimed. Part of record_contract.hpp.
#pragma once

CAF_TEST_FIXTURE_SCOPE(record_claim_contract, record_world)

CAF_TEST(what waits for too long is claimed once) {
  const auto ours = store(), theirs = store();
  const auto old = done(ours->record({{ask("ann", 1), ""}})).front().record;
  pass(2min);
  const auto older_than = [&](record_store& store, std::chrono::milliseconds age) {
    return done(store.claim(age, 10));
  };
  const auto young = done(ours->record({{ask("bob", 2), ""}, {ask("eve", 3), ""}}));
  pass(2min);
  CAF_CHECK(older_than(*ours, 10min).empty());
  const auto claimed = older_than(*ours, 3min);
  CAF_REQUIRE_EQUAL(claimed.size(), 1u);
  CAF_CHECK(claimed.front().id == old.id && claimed.front().asked == old.asked);
  CAF_CHECK(claimed.front().status == record_status::pending);
  CAF_CHECK(claimed.front().updated_at > old.updated_at);
  CAF_CHECK(content().at(old.id) == claimed.front());
  CAF_CHECK(older_than(*theirs, 3min).empty());
  // The others are settled or grow old, and the claimed one grows old again.
  done(theirs->settle({success(young[0].record.id, ask("bob", 2))}));
  pass(6min);
  const auto again = older_than(*theirs, 3min);
  CAF_REQUIRE_EQUAL(again.size(), 2u);
  CAF_CHECK(again[0].id == young[1].record.id);
  CAF_CHECK(again[1].id == old.id);
}

CAF_TEST(what is claimed comes with the trace of its call) {
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto store = this->store();
  const auto made = done(store->record({{ask("ann", 1), "k", trace}, {ask("bob", 2), ""}}));
  const std::string other = "00-00000000000000000000000000000001-0000000000000001-00";
  CAF_CHECK(done(store->record({{ask("ann", 1), "k", other}})).front().record.id
            == made[0].record.id);
  for (int times = 0; times < 2; ++times) {
    const auto claimed = done(store->claim(0ms, 10));
    CAF_REQUIRE_EQUAL(claimed.size(), 2u);
    for (const auto& each : claimed)
      CAF_CHECK_EQUAL(each.traceparent, each.id == made[0].record.id ? trace : "");
    pass(1h);
  }
}

CAF_TEST(a claimed record rests twice as long before it is claimed again) {
  const auto store = this->store();
  done(store->record({{ask("ann", 1), ""}}));
  const auto claims = [&] { return done(store->claim(1min, 10)).size(); };
  pass(3min);
  CAF_CHECK_EQUAL(claims(), 1u);
  pass(2min);
  CAF_CHECK_EQUAL(claims(), 0u);
  pass(2min);
  CAF_CHECK_EQUAL(claims(), 1u);
  pass(6min);
  CAF_CHECK_EQUAL(claims(), 0u);
  pass(2min);
  CAF_CHECK_EQUAL(claims(), 1u);
  pass(2h);
  CAF_CHECK_EQUAL(claims(), 1u);
  pass(61min);
  CAF_CHECK_EQUAL(claims(), 1u);
}

CAF_TEST(what was recorded while the clock ran ahead does not wait for that time) {
  const auto store = this->store();
  const auto ahead = done(store->record({{ask("ann", 1), ""}})).front().record.id;
  pass(-2h); // the clock is set right
  done(store->record({{ask("bob", 2), ""}}));
  const auto claimed = done(store->claim(1min, 10));
  CAF_REQUIRE_EQUAL(claimed.size(), 1u);
  CAF_CHECK(claimed.front().id == ahead);
  CAF_CHECK(content().at(ahead) == claimed.front());
  CAF_CHECK(claimed.front().updated_at < claimed.front().created_at);
  // By the right clock it rests like any other.
  CAF_CHECK(done(store->claim(1min, 10)).empty());
  pass(2min);
  CAF_CHECK_EQUAL(done(store->claim(1min, 10)).size(), 2u);
}

CAF_TEST(clocks that differ a little claim nothing early) {
  const auto store = this->store();
  done(store->record({{ask("ann", 1), ""}}));
  pass(-30s);
  CAF_CHECK(done(store->claim(0ms, 10)).empty());
  pass(31s);
  CAF_CHECK_EQUAL(done(store->claim(0ms, 10)).size(), 1u);
}

CAF_TEST(what is due and what is of a time to come share the limit) {
  const auto store = this->store();
  std::set<record_id> made, claimed;
  const auto record = [&](int count) {
    for (int i = 0; i < count; ++i)
      made.insert(done(store->record({{ask("ann", 1 + i), ""}})).front().record.id);
  };
  record(3);
  pass(-2h);
  record(3);
  pass(5min);
  for (int i = 0; i < 3; ++i) {
    const auto part = done(store->claim(1min, 2));
    CAF_CHECK_EQUAL(part.size(), 2u);
    for (const auto& each : part)
      claimed.insert(each.id);
  }
  CAF_CHECK(claimed == made);
}

CAF_TEST(no more than the limit are claimed and the oldest first) {
  const auto store = this->store();
  std::vector<record_id> made;
  for (int i = 0; i < 5; ++i) {
    for (const auto& each : done(store->record({{ask("a", 1 + i), ""}, {ask("b", 1 + i), ""}})))
      made.push_back(each.record.id);
    pass(1min);
  }
  std::vector<record_id> claimed;
  for (int i = 0; i < 4; ++i) {
    const auto part = done(store->claim(30s, 3));
    CAF_CHECK_EQUAL(part.size(), i < 3 ? 3u : 1u);
    for (const auto& each : part)
      claimed.push_back(each.id);
  }
  CAF_CHECK(claimed == made);
}

CAF_TEST(two stores that claim at once share the records) {
  const auto ours = store(), theirs = store();
  std::vector<new_record> batch;
  for (int i = 0; i < 500; ++i)
    batch.push_back({ask("ann", 1 + i), ""});
  done(ours->record(batch));
  pass(10min);
  std::vector<record_id> claimed[2];
  const auto work = [](record_store& store, std::vector<record_id>& ids) {
    for (int i = 0; i < 60; ++i) {
      auto result = store.claim(5min, 10);
      if (const auto part = std::get_if<std::vector<transaction_record>>(&result))
        for (const auto& each : *part)
          ids.push_back(each.id);
    }
  };
  std::thread other([&] { work(*theirs, claimed[1]); });
  work(*ours, claimed[0]);
  other.join();
  CAF_CHECK_EQUAL(claimed[0].size() + claimed[1].size(), 500u);
  std::set<record_id> all(claimed[0].begin(), claimed[0].end());
  all.insert(claimed[1].begin(), claimed[1].end());
  CAF_CHECK_EQUAL(all.size(), 500u);
}

CAF_TEST_FIXTURE_SCOPE_END()
