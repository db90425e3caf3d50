// What is reported and exported, name by name: dashboards and alarms rest on these, so none may
// change. Each number has a value of its own, so that none can take another's place.

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "app/operations/prometheus.hpp"
#include "app/operations/recovery_board.hpp"
#include "app/operations/snapshot.hpp"
#include "tests/app/operations/every_actor.hpp"

#define CAF_SUITE metrics
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

// Reports as /v1/actors shows them.
const std::vector<std::string> listed{
    "fetcher fetched_total=101 redelivered_total=102 applied_total=103 refused_total=104 "
    "insufficient_funds_total=129 balance_overflow_total=130 duplicate_total=105 parked_total=106 "
    "own_failures_total=107 let_go_total=108 unconfirmed_total=109 postponed_total=110 "
    "known_before_total=131 unstored=111 oldest_unconfirmed_ms=112 acks_unanswered_ms=132 "
    "held=113 held_bytes=114 paused=115 deciding=117 publishing=118 credit=119 pending=120 "
    "oldest_undecided_ms=121 idle_ms=122 end_to_end=116us pull=123us decode=124us decide=125us "
    "publish=126us ack=127us pulled=128 ",
    "gate batches_total=201 rows_total=202 fence_rejections_total=203 heads_lost_total=220 "
    "heads_read_total=204 raced_total=205 in_doubt_total=206 unavailable_total=207 "
    "rejected_total=208 blocked_total=209 set_aside_total=210 circuit_open=211 waiting=212 "
    "under_way=213 oldest_waiting_ms=214 aside_accounts=215 aside_waiting=216 aside_oldest_ms=217 "
    "commit=218us gate_wait=219us posted=220 ",
    "region entries_total=301 ledgers=302 ledgers_spawned_total=303 ledgers_passivated_total=304 "
    "forwarded_total=305 held_back_total=306 hand_overs_total=307 ledgers_yielded_total=308 "
    "waiting=309 owed=310 shards=311 peers=312 ",
    "responder questions_answered_total=401 questions_expired_total=402 "
    "questions_overflow_total=403 questions_foreign_total=404 ",
    "intake accepted_total=501 repeated_total=502 conflict_total=503 unavailable_total=504 "
    "expired_total=505 unconfirmed_total=506 left_total=519 batches_total=507 "
    "looks_failed_total=513 held=508 oldest_held_ms=516 credit=517 idle_ms=518 waiting=509 "
    "record=511us record_commit=514us "
    "request_publish=512us verdict_wait=510us recorded=515 ",
    "lookup answered_total=601 refused_total=602 waiting=603 ",
    "reconciler fetched_total=701 settled_total=702 known_total=703 foreign_total=704 "
    "contrary_total=705 parked_total=706 batches_total=707 failures_total=708 aside=709 "
    "unconfirmed_total=715 postponed_total=710 known_before_total=0 unstored=711 "
    "oldest_unconfirmed_ms=712 acks_unanswered_ms=718 held=713 "
    "held_bytes=714 credit=722 pending=723 oldest_unsettled_ms=724 idle_ms=725 result_pull=716us "
    "settle=717us settle_commit=719us results_pulled=720 results_settled=721 ",
    "redriver claimed_total=801 settled_total=802 republished_total=803 unanswered_total=804 "
    "contrary_total=805 failures_total=807 publishing=806 held=810 "
    "oldest_held_ms=811 credit=812 idle_ms=813 redrive_commit=808us claimed=809 ",
    "nats_api questions_answered_total=901 questions_expired_total=902 "
    "questions_overflow_total=903 questions_foreign_total=904 ",
    "peer forwarded_total=1001 answered_total=1002 returned_total=1003 full_total=1013 "
    "given_back_total=1004 frames_total=1005 frames_again_total=1006 frames_refused_total=1007 "
    "late_total=1008 damaged_total=1009 link_downs_total=1010 held=1011 link_up=1012 ",
    "receiver received_total=1101 received_again_total=1102 answered_total=1103 "
    "returned_total=1104 full_total=1113 probes_total=1105 frames_damaged_total=1106 "
    "frames_version_total=1107 frames_stranger_total=1108 frames_overflow_total=1109 "
    "frames_foreign_total=1110 held=1111 held_bytes=1112 ",
    "membership heard_total=1201 dropped_total=1202 joined_total=1203 lost_total=1204 "
    "answered_total=1205 members=1206 namesakes=1207 strangers=1209 deaf=1208 ",
};

const std::string stage_help =
    "Time of requests in a stage: pull (stored in the stream, by the broker's clock, until it is "
    "here), decode, decide (region, ledger, gate and commit), gate (of a batch, until its commit "
    "begins), publish (until the PubAck), ack (until it is on its way). On the account side: "
    "record (a submission, from its arrival until it is committed), request_publish (until the "
    "PubAck of its request), result_pull (as pull, of results), settle (a result, from its "
    "arrival until its record has its verdict).";
const std::string batch_help =
    "Sizes of batches: pulled (deliveries taken at once), posted (entries of a transaction).";
const std::string commit_help =
    "How long the database of the account side took for a batch: of submissions, of results, or of "
    "records that are driven anew (their claim, and their verdicts).";
const std::string account_batch_help =
    "Sizes of batches of the account side: submissions and results (of a transaction), "
    "results_pulled (deliveries taken at once), redriven (records without a verdict, claimed at "
    "once).";

// Series as /metrics shows them.
const std::set<std::string> series{
    "counter ledgerd_account_questions_dropped_total{outcome=expired} 902: Questions over NATS to "
    "this role that were dropped unread, by the reason.",
    "counter ledgerd_account_questions_dropped_total{outcome=foreign_reply} 904: Questions over "
    "NATS to this role that were dropped unread, by the reason.",
    "counter ledgerd_account_questions_dropped_total{outcome=overflow} 903: Questions over NATS to "
    "this role that were dropped unread, by the reason.",
    "counter ledgerd_blocked_total 209: Batches that a lock or the time for a statement stopped.",
    "counter ledgerd_cluster_joined_total 1203: Other nodes that began to be heard.",
    "counter ledgerd_cluster_lost_total 1204: Other nodes that fell silent without saying that "
    "they go.",
    "counter ledgerd_cluster_words_dropped_total 1202: Words on the cluster's subject that are "
    "none, or of too many nodes.",
    "counter ledgerd_commits_total 201: Committed batches.",
    "counter ledgerd_contrary_verdicts_total{outcome=ledger} 805: Verdicts that say otherwise than "
    "their record, by where they were met: one of the two is false.",
    "counter ledgerd_contrary_verdicts_total{outcome=result} 705: Verdicts that say otherwise than "
    "their record, by where they were met: one of the two is false.",
    "counter ledgerd_entries_no_room_total 1113: Entries of other nodes that were to come again, "
    "for want of room.",
    "counter ledgerd_entries_received_again_total 1102: Entries that came again while they were "
    "still held.",
    "counter ledgerd_entries_total{outcome=applied} 103: Entries by what became of them.",
    "counter ledgerd_entries_total{outcome=duplicate} 105: Entries by what became of them.",
    "counter ledgerd_entries_total{outcome=parked} 106: Entries by what became of them.",
    "counter ledgerd_entries_total{outcome=refused} 104: Entries by what became of them.",
    "counter ledgerd_fence_rejections_total 203: Groups whose head was not the database's any "
    "more.",
    "counter ledgerd_foreign_results_total 704: Results and dead letters of requests that are not "
    "of the account side.",
    "counter ledgerd_forwarded_entries_total 305: Entries given to the node that owns them, each "
    "time they were.",
    "counter ledgerd_frames_dropped_total{outcome=damaged} 1106: Frames from other nodes that were "
    "not looked at, by the reason.",
    "counter ledgerd_frames_dropped_total{outcome=foreign_reply} 1110: Frames from other nodes "
    "that were not looked at, by the reason.",
    "counter ledgerd_frames_dropped_total{outcome=overflow} 1109: Frames from other nodes that "
    "were not looked at, by the reason.",
    "counter ledgerd_frames_dropped_total{outcome=stranger} 1108: Frames from other nodes that "
    "were not looked at, by the reason.",
    "counter ledgerd_frames_dropped_total{outcome=version} 1107: Frames from other nodes that were "
    "not looked at, by the reason.",
    "counter ledgerd_hand_overs_total 307: How often the owners of the accounts changed.",
    "counter ledgerd_heads_lost_total 220: Accounts whose last posting, committed before, the "
    "database has no more.",
    "counter ledgerd_in_doubt_total 206: Commits whose outcome was not known.",
    "counter ledgerd_ledger_questions_dropped_total{outcome=expired} 402: Questions over NATS to "
    "this role that were dropped unread, by the reason.",
    "counter ledgerd_ledger_questions_dropped_total{outcome=foreign_reply} 404: Questions over "
    "NATS to this role that were dropped unread, by the reason.",
    "counter ledgerd_ledger_questions_dropped_total{outcome=overflow} 403: Questions over NATS to "
    "this role that were dropped unread, by the reason.",
    "counter ledgerd_let_go_total 108: Deliveries left to their lease: an account that is set "
    "aside holds its share.",
    "counter ledgerd_lookups_refused_total 602: Questions for a record that were refused.",
    "counter ledgerd_received_entries_total{outcome=answered} 1103: Entries that other nodes gave "
    "this one to decide, by what became of them.",
    "counter ledgerd_received_entries_total{outcome=returned} 1104: Entries that other nodes gave "
    "this one to decide, by what became of them.",
    "counter ledgerd_records_settled_total 702: Records that got their verdict from the result "
    "stream.",
    "counter ledgerd_records_swept_total 802: Records that got their verdict from the ledger's own "
    "row.",
    "counter ledgerd_redelivered_total 102: Deliveries that were not the first of their message.",
    "counter ledgerd_refused_total{reason=BALANCE_OVERFLOW} 130: Refused entries by reason.",
    "counter ledgerd_refused_total{reason=INSUFFICIENT_FUNDS} 129: Refused entries by reason.",
    "counter ledgerd_redrive_failures_total 807: Claims and verdicts that the database did not "
    "take, and requests published again in vain.",
    "counter ledgerd_requests_republished_total 803: Requests published again for want of a "
    "verdict.",
    "counter ledgerd_results_parked_total 706: Results that answer no record, or are none.",
    "counter ledgerd_results_known_before_total 131: Verdicts written just now of whose record "
    "their stream had another one.",
    "counter ledgerd_rows_total 202: Postings written.",
    "counter ledgerd_set_aside_total 210: Times an account was set aside.",
    "counter ledgerd_submissions_expired_total 505: Submissions that were refused because the "
    "database was too slow.",
    "counter ledgerd_submissions_left_total 519: Recorded submissions whose request the broker did "
    "not take while many waited: the redriver publishes them.",
    "counter ledgerd_submissions_total{outcome=accepted} 501: Submissions by what was answered.",
    "counter ledgerd_submissions_total{outcome=conflict} 503: Submissions by what was answered.",
    "counter ledgerd_submissions_total{outcome=repeated} 502: Submissions by what was answered.",
    "counter ledgerd_submissions_total{outcome=unavailable} 504: Submissions by what was answered.",
    "counter ledgerd_unconfirmed_total 824: Publications without a PubAck, published again.",
    "counter ledgerd_verdict_looks_failed_total 513: Looks for awaited verdicts that failed.",
    "counter ledgerd_verdict_questions_unanswered_total 804: Questions to the ledger for verdicts "
    "without an answer that can be read.",
    "gauge ledgerd_acknowledgements_unanswered_seconds{consumer=deposit-consumer} 718ms: For how "
    "long the broker has taken no acknowledgement; one a second asks.",
    "gauge ledgerd_credit 119: Deliveries that may be held at once, at most.",
    "gauge ledgerd_idle_seconds 122ms: Since the last delivery came.",
    "gauge ledgerd_oldest_undecided_seconds{consumer=deposit-consumer} 121ms: Age of the oldest "
    "request that this node holds unsettled, by the broker's clock.",
    "gauge ledgerd_pending{consumer=deposit-consumer} 120: Requests that wait at the consumer, as "
    "the broker said last with a delivery.",
    "gauge ledgerd_oldest_redriven_seconds 811ms: Age of the oldest record that the redriver "
    "holds, or of its verdict once that is known.",
    "gauge ledgerd_oldest_submission_seconds 516ms: Age of the oldest submission that is held, "
    "from its arrival until it is recorded, and from then to the PubAck of its request.",
    "gauge ledgerd_oldest_unsettled_result_seconds{consumer=deposit-consumer} 724ms: Age of the "
    "oldest result or dead letter that this node holds and that is not in its record, by the "
    "broker's clock.",
    "gauge ledgerd_redriven_in_flight 810: Records without a verdict that were claimed, until they "
    "are settled or their request is published again.",
    "gauge ledgerd_results_credit 722: Results and dead letters that may be held at once, at most.",
    "gauge ledgerd_results_idle_seconds{consumer=deposit-consumer} 725ms: Since the last delivery "
    "came.",
    "gauge ledgerd_results_in_flight 713: Results and dead letters held, from pull to settlement.",
    "gauge ledgerd_results_pending{consumer=deposit-consumer} 723: Results or dead letters that "
    "wait at the consumer, as the broker said last with a delivery.",
    "gauge ledgerd_submissions_credit 517: Submissions that may be held at once, at most.",
    "gauge ledgerd_submissions_idle_seconds 518ms: Since the last submission came.",
    "sizes ledgerd_account_batch_entries{batch=redriven} 809: " + account_batch_help,
    "sizes ledgerd_batch_entries{stage=posted} 220: " + batch_help,
    "sizes ledgerd_account_batch_entries{batch=submissions} 515: " + account_batch_help,
    "sizes ledgerd_account_batch_entries{batch=results_pulled} 720: " + account_batch_help,
    "sizes ledgerd_account_batch_entries{batch=results} 721: " + account_batch_help,
    "histogram ledgerd_account_commit_seconds{batch=redriven} 808us: " + commit_help,
    "histogram ledgerd_account_commit_seconds{batch=results} 719us: " + commit_help,
    "histogram ledgerd_account_commit_seconds{batch=submissions} 514us: " + commit_help,
    "sizes ledgerd_batch_entries{stage=pulled} 128: " + batch_help,
    "histogram ledgerd_stage_seconds{stage=ack} 127us: " + stage_help,
    "histogram ledgerd_stage_seconds{stage=decide} 125us: " + stage_help,
    "histogram ledgerd_stage_seconds{stage=decode} 124us: " + stage_help,
    "histogram ledgerd_stage_seconds{stage=gate} 219us: " + stage_help,
    "histogram ledgerd_stage_seconds{stage=publish} 126us: " + stage_help,
    "histogram ledgerd_stage_seconds{stage=pull} 123us: " + stage_help,
    "histogram ledgerd_stage_seconds{stage=record} 511us: " + stage_help,
    "histogram ledgerd_stage_seconds{stage=request_publish} 512us: " + stage_help,
    "histogram ledgerd_stage_seconds{stage=result_pull} 716us: " + stage_help,
    "histogram ledgerd_stage_seconds{stage=settle} 717us: " + stage_help,
    "gauge ledgerd_aside_accounts 215: Accounts that are set aside: locked, refused or slow.",
    "gauge ledgerd_aside_oldest_milliseconds 217: How long the longest of them waits, added up "
    "over the gates.",
    "gauge ledgerd_aside_waiting 216: Entries at the gates of accounts that are set aside.",
    "gauge ledgerd_circuit_open 211: Gates whose database is away.",
    "gauge ledgerd_cluster_deaf 1208: 1 while this node's own words do not come back to it: it "
    "hears nobody.",
    "gauge ledgerd_cluster_nodes 1206: Nodes that live, this one included.",
    "gauge ledgerd_cluster_strangers 1209: 1 while another node serves another ledger database: "
    "this one pulls nothing.",
    "gauge ledgerd_hand_over_ledgers 310: Ledgers of accounts that another node owns now and that "
    "still have work here.",
    "gauge ledgerd_hand_over_waiting 309: Entries that wait for the old owner of their account to "
    "let it go.",
    "gauge ledgerd_in_flight 113: Deliveries held, from pull to settlement.",
    "gauge ledgerd_ledgers 302: Ledger actors in memory.",
    "gauge ledgerd_peer_held_entries 1011: Entries that other nodes are deciding.",
    "gauge ledgerd_peer_links_up 1012: Links to other nodes that work.",
    "gauge ledgerd_received_held_entries 1111: Entries of other nodes that are being decided here.",
    "gauge ledgerd_shards 311: Shards of 16384 whose accounts this node decides.",
    "gauge ledgerd_submissions_in_flight 508: Submissions held, from arrival to the PubAck of "
    "their request.",
    "histogram ledgerd_commit_seconds 218us: How long the store took for a batch.",
    "histogram ledgerd_end_to_end_seconds 116us: From the arrival of a delivery to its settlement.",
    "histogram ledgerd_verdict_wait_seconds 510us: From a record to its verdict, of submissions "
    "that wait for it.",
};

std::string text_of(const metric& each) {
  const char* const kinds[] = {"counter ", "gauge ", "histogram ", "sizes "};
  auto text = kinds[static_cast<std::size_t>(each.kind)] + each.name;
  for (const auto& [name, value] : each.labels)
    text += "{" + name + "=" + value + "}";
  text += each.kind == metric_kind::histogram ? " " + std::to_string(each.durations.sum_us()) + "us"
          : each.kind == metric_kind::sizes   ? " " + std::to_string(each.sizes.sum())
                                              : " " + std::to_string(each.value);
  return text + (each.in_milliseconds ? "ms: " : ": ") + each.help;
}

// Without the one series that says which version this is.
std::multiset<std::string> exported_by(const std::vector<actor_report>& reports) {
  std::multiset<std::string> result;
  for (const auto& each : to_snapshot(reports))
    if (each.name != "ledgerd_build_info")
      result.insert(text_of(each));
  return result;
}

} // namespace

CAF_TEST(each actor reports its numbers under the names that they have always had) {
  const auto shown = actors_document({}, one_of_each(), 0).at("actors");
  CAF_REQUIRE_EQUAL(shown.size(), listed.size());
  for (std::size_t i = 0; i < shown.size(); ++i) {
    auto text = shown[i].at("actor").get<std::string>() + " ";
    for (const auto& [name, value] : shown[i].at("values").items())
      text += name + "=" + value.dump() + " ";
    for (const auto& [name, value] : shown[i].at("histograms").items())
      text += name + "="
              + (value.contains("sum_us") ? value.at("sum_us").dump() + "us "
                                          : value.at("sum").dump() + " ");
    CAF_CHECK_EQUAL(text, listed[i]);
  }
}

CAF_TEST(each series is exported under the name and label and help that it has always had) {
  const auto found = exported_by(one_of_each());
  for (const auto& each : series)
    if (found.count(each) != 1)
      CAF_ERROR("not exported once: " << each);
  for (const auto& each : found)
    if (!series.contains(each))
      CAF_ERROR("new or changed: " << each);
  CAF_CHECK_EQUAL(found.size(), series.size());
}

CAF_TEST(the actors of a kind are added up in whatever order they answer) {
  auto reports = one_of_each();
  for (auto& each : one_of_each())
    reports.push_back(each);
  const auto twice = to_snapshot(reports);
  std::reverse(reports.begin(), reports.end());
  CAF_CHECK_EQUAL(to_prometheus(twice), to_prometheus(to_snapshot(reports)));
  const auto once = to_snapshot(one_of_each());
  CAF_REQUIRE_EQUAL(once.size(), twice.size());
  for (std::size_t i = 0; i < once.size(); ++i) {
    CAF_CHECK_EQUAL(twice[i].name, once[i].name);
    // Ages and what two see alike are not added.
    const std::set<std::string> merged{"ledgerd_build_info",
                                       "ledgerd_idle_seconds",
                                       "ledgerd_oldest_undecided_seconds",
                                       "ledgerd_pending",
                                       "ledgerd_oldest_redriven_seconds",
                                       "ledgerd_oldest_submission_seconds",
                                       "ledgerd_oldest_unsettled_result_seconds",
                                       "ledgerd_results_idle_seconds",
                                       "ledgerd_results_pending",
                                       "ledgerd_submissions_idle_seconds",
                                       "ledgerd_acknowledgements_unanswered_seconds"};
    CAF_CHECK_EQUAL(twice[i].value, (merged.contains(once[i].name) ? 1 : 2) * once[i].value);
    CAF_CHECK_EQUAL(twice[i].durations.count(), 2 * once[i].durations.count());
    CAF_CHECK_EQUAL(twice[i].sizes.count(), 2 * once[i].sizes.count());
  }
}

CAF_TEST(a kind of which one does not answer exports nothing and the others all they have) {
  for (const auto& silent : one_of_each()) {
    auto reports = one_of_each();
    reports.push_back({silent.actor, "", {}, {}});
    auto others = one_of_each();
    std::erase_if(others, [&](const auto& each) { return each.actor == silent.actor; });
    CAF_CHECK(exported_by(reports) == exported_by(others));
    CAF_CHECK(exported_by(reports) != exported_by(one_of_each()));
  }
}

CAF_TEST(what belongs to no actor is exported although there is none) {
  caf::actor_system_config config;
  caf::actor_system system{config};
  const auto board = std::make_shared<progress_board>();
  const auto streams = std::make_shared<topology_board>();
  streams->made_again(3);
  streams->filled({{"TRANSACTIONS", 91, 4, 512, 2}});
  for (std::size_t looks = 1; looks <= 3; ++looks)
    note_recovery("a/recovery", looks, "no right");
  std::set<std::string> found;
  make_operations(system, {}, board, streams).metrics([&](const metrics_snapshot& all) {
    for (const auto& each : all)
      if (each.name != "ledgerd_build_info"
          && (each.labels.empty() || each.name.starts_with("ledgerd_stream_"))
          && !each.name.starts_with("process_"))
        found.insert(text_of(each));
  });
  note_recovery("a/recovery", 0, "");
  const std::set<std::string> wanted{
      "counter ledgerd_requests_deleted_unread_total 0: Requests that the broker deleted before "
      "they were decided, at most.",
      "counter ledgerd_topology_made_again_total 3: Streams and consumers that had disappeared and "
      "were made again.",
      "gauge ledgerd_commit_wait_milliseconds 0: How long the oldest COMMIT has been waiting for "
      "the database.",
      "gauge ledgerd_recovery_failed 1: Consumers whose given-up requests cannot be looked for.",
      "gauge ledgerd_stalled 0: Actors that have made no progress for longer than their bound.",
      "gauge ledgerd_standstill_seconds 0: How long the longest of them has made none.",
      "gauge ledgerd_stream_bytes{stream=TRANSACTIONS} 512: Bytes that a stream holds, as the "
      "broker counts them.",
      "gauge ledgerd_stream_copies_missing{stream=TRANSACTIONS} 2: Copies of a stream that have "
      "been away or behind for ten seconds; it takes messages while more than half of its copies "
      "are there.",
      "gauge ledgerd_stream_messages{stream=TRANSACTIONS} 4: Messages that a stream holds.",
      "gauge ledgerd_stream_full_percent{stream=TRANSACTIONS} 91: How full a stream is that "
      "refuses what is beyond its limits; 100: it takes nothing more, 0: also without a limit.",
      "gauge ledgerd_topology_refused 0: Streams and consumers that are missing, and settings that "
      "lose or stop messages.",
  };
  for (const auto& each : wanted)
    CAF_CHECK_EQUAL(found.contains(each) ? std::string() : each, "");
  CAF_CHECK_EQUAL(found.size(), wanted.size());
}
