#include "app/trace/finder.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "app/base/text.hpp"
#include "app/trace/stream_search.hpp"
#include "messaging/names.hpp"
#include "messaging/record_look.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

namespace {

using until_found = stream_search::until_found;

constexpr std::int64_t ms = 1'000'000; // in nanoseconds

void sort_by_number(std::vector<stored_message>& list) {
  std::sort(list.begin(), list.end(), [](const auto& x, const auto& y) { return x.seq < y.seq; });
}

bool is_of_request_stream(const stored_message& message) {
  return header_text(message, "Ledgerd-Stream") == names::request_stream;
}

std::int64_t ns_of(database_time time) {
  return to_int(time) * 1000;
}

// A number of a JSON object, however it is written.
std::optional<std::int64_t> positive_number_in(std::string_view payload, const char* name) {
  const auto document = nlohmann::json::parse(payload, nullptr, false);
  const auto found = document.is_object() ? document.find(name) : document.end();
  if (!document.is_object() || found == document.end())
    return std::nullopt;
  return parse_integer(found->is_string()           ? found->get<std::string>()
                       : found->is_number_integer() ? found->dump()
                                                    : std::string(),
                       1, INT64_MAX);
}

// Keys by which the messages of a stream stand in order, mostly.
std::optional<std::int64_t> id_in(const stored_message& message) {
  const auto id = named_record(message.payload);
  return id ? std::optional{to_int(*id)} : std::nullopt;
}

std::optional<std::int64_t> transaction_in(const stored_message& result) {
  return positive_number_in(result.payload, "transactionId");
}

std::optional<std::int64_t> request_in_result(const stored_message& message) {
  const auto origin = origin_of(message.headers);
  return origin ? std::optional{static_cast<std::int64_t>(origin->seq)} : std::nullopt;
}

std::optional<std::int64_t> request_in_letter(const stored_message& message) {
  const auto seq = is_of_request_stream(message) ? header_number(message, "Ledgerd-Sequence") : 0;
  return seq != 0 ? std::optional{static_cast<std::int64_t>(seq)} : std::nullopt;
}

class message_search {
public:
  message_search(const shelf& on, record_id id, const search_clues& clues,
                 const search_limits& limits)
      : id_(id), clues_(clues), limits_(limits),
        until_(std::chrono::steady_clock::now() + limits.patience),
        requests_(on, names::request_stream, all_.requests, limits, until_),
        results_(on, names::result_stream, all_.results, limits, until_),
        letters_(on, names::dead_letter_stream, all_.dead_letters, limits, until_),
        actions_(on, names::action_stream, all_.actions, limits, until_) {}

  found_messages run() {
    if (limits_.all)
      find_all();
    else if (clues_.decided)
      find_decided();
    else if (clues_.no_row)
      find_undecided();
    else
      find_without_ledger();
    for (auto* each : {&all_.requests, &all_.results, &all_.actions})
      sort_by_number(*each);
    look_for_discarded();
    sort_by_number(all_.dead_letters);
    for (const auto* each : {&requests_, &results_, &letters_, &actions_})
      all_.looked.push_back(each->reach());
    return std::move(all_);
  }

private:
  bool names(const stored_message& message) const {
    return may_name(message.payload, id_) && named_record(message.payload) == id_;
  }

  bool is_of_a_request(const stored_message& message) const {
    const auto made_at = requests_.state().created_at_ns;
    const auto is_told_of = [&](const auto& each) { return tells_of(message, each, made_at); };
    return is_of_request_stream(message)
           && std::any_of(all_.requests.begin(), all_.requests.end(), is_told_of);
  }

  bool is_of_a_letter(const stored_message& entry) const {
    return std::any_of(all_.dead_letters.begin(), all_.dead_letters.end(),
                       [&](const auto& letter) { return is_entry_of(entry, letter); });
  }

  bool nothing_found() const {
    return all_.requests.empty() && all_.results.empty() && all_.dead_letters.empty()
           && all_.actions.empty();
  }

  void find_all() {
    results_.read_all(names_it_);
    requests_.read_all(names_it_);
    letters_.read_all(is_letter_);
    actions_.read_all(is_action_);
  }

  void find_decided() {
    find_result_of_row();
    take_requests_of_results();
    if (!requests_.has_found())
      find_by_id(requests_);
    if (!requests_.has_found())
      requests_.read_back(1, decided_place(), limits_.newest_max, names_it_, until_found::first);
    find_letters();
    find_actions();
  }

  // A result follows its row at once. Where thousands do, or clocks differ, the rows' numbers lead
  // to it: results stand in their order, but for what several gates have under way at a time.
  void find_result_of_row() {
    constexpr std::uint64_t under_way = 3000;
    find_result_by_time({5 * ms, 5000 * ms, 2000});
    if (!results_.has_found() && clues_.transaction)
      results_.find_by_order(1, results_.state().last_seq, to_int(*clues_.transaction),
                             transaction_in, names_it_, under_way);
    for (const auto& each : {window{0, 5000 * ms, 60'000}, window{2000 * ms, 60'000 * ms, 60'000},
                             window{120'000 * ms, 600'000 * ms, 400'000}})
      if (!results_.has_found() && !results_.is_over())
        find_result_by_time(each);
  }

  // Around the time of the row.
  struct window {
    std::int64_t before, after;
    std::uint64_t at_most;
  };

  void find_result_by_time(const window& around) {
    const auto at = ns_of(*clues_.decided);
    results_.read_window(at - around.before, at + around.after, around.at_most, names_it_,
                         until_found::first);
  }

  // The request of a row lies before this one.
  std::uint64_t decided_place() {
    auto last = requests_.state().last_seq;
    requests_.read_window(
        ns_of(*clues_.decided), stream_search::no_end, 1,
        [&](const stored_message& message) {
          last = std::min(last, message.seq + 500);
          return names(message);
        },
        until_found::first);
    return last;
  }

  // Without a row a request waits, is held, was parked, or got lost.
  void find_undecided() {
    look_at_held();
    if (!requests_.has_found() && clues_.recorded)
      find_request_by_time(*clues_.recorded);
    if (!requests_.has_found())
      find_waiting();
    find_letters();
    find_actions();
    if (nothing_found()) {
      find_by_id(requests_);
      if (requests_.has_found()) {
        find_letters();
        find_actions();
      }
    }
    if (letters_.has_found() || actions_.has_found() || is_waiting_or_held())
      return;
    // Of a request that was handed out the row may have been lost after it was published.
    for (const auto& request : all_.requests)
      find_result_of(request);
    const bool pending = clues_.recorded && !clues_.settled; // a parked one would have failed
    if (nothing_found() && !pending)
      search_with_results();
  }

  // Of a row that was lost the result still tells. No more of them is read than at once: as a rule
  // there was never such a record.
  void search_with_results() {
    read_results(limits_.letters_least);
    find_by_id(results_);
    take_requests_of_results();
    if (nothing_found())
      search_on();
  }

  void read_results(std::uint64_t at_most) {
    results_.read_back(1, results_.state().last_seq, at_most, names_it_, until_found::first);
  }

  bool is_waiting_or_held() const {
    return std::any_of(all_.requests.begin(), all_.requests.end(), [this](const auto& request) {
      return std::count(places_.held.begin(), places_.held.end(), request.seq) > 0
             || std::any_of(places_.subjects.begin(), places_.subjects.end(),
                            [&](const auto& each) {
                              return each.subject == request.subject && request.seq > each.to;
                            });
    });
  }

  // The account side publishes what it has recorded at once, when it can.
  void find_request_by_time(database_time recorded) {
    requests_.read_window(ns_of(recorded) - 5 * ms, ns_of(recorded) + 5000 * ms, 1000, names_it_,
                          until_found::first);
  }

  // Only what comes after the places that have been reached can wait.
  void find_waiting() {
    if (places_.subjects.empty())
      return;
    const auto last = requests_.state().last_seq;
    auto first = last + 1;
    for (const auto& [subject, to] : places_.subjects)
      if (to < last)
        first = std::min(first, requests_.first_on(subject, to + 1).value_or(first));
    constexpr std::uint64_t few = 2000;
    if (!requests_.has_found() && last >= first && last - first > few)
      requests_.find_by_order(first, last, to_int(id_), id_in, names_it_);
    if (!requests_.has_found())
      requests_.read_back(first, last, limits_.newest_max, names_it_, until_found::first);
    if (requests_.is_empty() || last < first || requests_.has_read(first, last))
      requests_.note_waiting_read();
  }

  void look_at_held() {
    if (clues_.places)
      places_ = clues_.places();
    for (const auto seq : places_.held)
      requests_.look_at(seq, names_it_);
  }

  // Results of one kind stand in the order of their requests, but for what a node has under way at
  // a time; one consumer may be far ahead of the other.
  void find_result_of(const stored_message& request) {
    for (const auto& route : movement_routes)
      for (const std::uint64_t around : {500, 20'000})
        if (route.request == request.subject && !results_.has_found())
          results_.find_by_order(1, results_.state().last_seq,
                                 static_cast<std::int64_t>(request.seq), request_in_result,
                                 names_it_, around, route.result);
  }

  // What nothing leads to, from the newest on, until the time is over.
  void search_on() {
    constexpr std::uint64_t lately = 1000; // what a node that is gone may have held
    requests_.read_back(1, requests_.state().last_seq,
                        places_.subjects.empty() ? limits_.newest_max : lately, names_it_,
                        until_found::first);
    letters_.read_back(1, letters_.state().last_seq, limits_.newest_max, is_letter_,
                       until_found::first);
    actions_.read_back(1, actions_.state().last_seq, limits_.newest_max, is_action_,
                       until_found::first);
    take_requests_of(letters_);
    take_requests_of(actions_);
  }

  // Nobody knows whether there is a row: a result would tell.
  void find_without_ledger() {
    look_at_held();
    find_by_id(requests_);
    for (const auto& request : all_.requests) {
      find_result_of(request);
      if (!results_.has_found())
        results_.read_window(request.stored_at_ns, request.stored_at_ns + 60'000 * ms, 4000,
                             names_it_, until_found::first);
    }
    find_by_id(results_);
    take_requests_of_results();
    find_letters();
    find_actions();
    if (results_.has_found() || letters_.has_found() || actions_.has_found()
        || is_waiting_or_held())
      return;
    read_results(limits_.newest_max);
    if (nothing_found()) {
      find_waiting();
      search_on();
      for (const auto& request : all_.requests)
        find_result_of(request);
    }
    take_requests_of_results();
  }

  // Whoever makes record ids mostly counts up.
  void find_by_id(stream_search& in) {
    if (!in.has_found() && !in.is_known())
      in.find_by_order(1, in.state().last_seq, to_int(id_), id_in, names_it_);
  }

  void find_letters() {
    if (!requests_.has_found() && clues_.settled)
      letters_.read_window(ns_of(*clues_.settled) - 1000 * ms, stream_search::no_end,
                           limits_.letters_least, is_letter_, until_found::first);
    letters_.read_back(1, letters_.state().last_seq, limits_.letters_least, is_letter_,
                       until_found::all);
    if (letters_.is_known())
      return take_requests_of(letters_);
    // What is parked is parked soon.
    if (requests_.has_found()) {
      letters_.read_window(all_.requests[0].stored_at_ns, stream_search::no_end,
                           limits_.letters_least, is_letter_, until_found::all);
      if (!letters_.has_found() && !clues_.decided)
        letters_.find_by_order(1, letters_.state().last_seq,
                               static_cast<std::int64_t>(all_.requests[0].seq), request_in_letter,
                               is_letter_);
    }
    if (!letters_.has_found())
      letters_.find_by_order(1, letters_.state().last_seq, to_int(id_), id_in, is_letter_);
    take_requests_of(letters_);
  }

  void find_actions() {
    actions_.read_back(1, actions_.state().last_seq, limits_.letters_least, is_action_,
                       until_found::all);
    if (!actions_.is_known() && letters_.has_found())
      actions_.read_window(all_.dead_letters[0].stored_at_ns, stream_search::no_end,
                           limits_.letters_least, is_action_, until_found::all);
    take_requests_of(actions_);
  }

  // An entry is stored before its letter is deleted, those of many letters before the first of them
  // is, and a deletion may fail.
  void look_for_discarded() {
    constexpr std::size_t newest = 100;
    std::size_t looked = 0;
    for (auto entry = all_.actions.rbegin(); entry != all_.actions.rend() && looked < newest;
         ++entry) {
      if (entry->subject != names::discard_subject)
        continue;
      ++looked;
      const auto seq = header_number(*entry, names::letter_header);
      if (letters_.look_at(seq, [&](const auto& letter) { return is_entry_of(*entry, letter); }))
        all_.letters_left.push_back(seq);
    }
  }

  void take_requests_of_results() {
    for (const auto& result : all_.results)
      if (const auto origin = origin_of(result.headers))
        requests_.look_at(origin->seq, names_it_);
  }

  void take_requests_of(const stream_search& in) {
    for (const auto& each : in.found())
      if (is_of_request_stream(each))
        requests_.look_at(header_number(each, "Ledgerd-Sequence"), names_it_);
  }

  const record_id id_;
  const search_clues& clues_;
  const search_limits& limits_;
  const std::chrono::steady_clock::time_point until_;
  request_places places_;
  found_messages all_;
  stream_search requests_;
  stream_search results_;
  stream_search letters_;
  stream_search actions_;

  const stream_search::wanted names_it_ = [this](const auto& message) { return names(message); };
  const stream_search::wanted is_letter_ = [this](const auto& message) {
    return names(message) || is_of_a_request(message);
  };
  const stream_search::wanted is_action_ = [this](const auto& message) {
    return is_letter_(message) || is_of_a_letter(message);
  };
};

} // namespace

shelf shelf_of(broker& nats) {
  return {.state = [&nats](std::string_view stream) { return nats.stream(stream); },
          .at = [&nats](std::string_view stream,
                        std::uint64_t seq) { return nats.message(stream, seq); },
          .first_on =
              [&nats](std::string_view stream, std::string_view subject, std::uint64_t seq) {
                std::optional<stored_message> first;
                nats.read(stream, subject, seq, [&first](const stored_message& message) {
                  first = message;
                  return false;
                });
                return first;
              },
          .from = [&nats](std::string_view stream, std::uint64_t seq,
                          const shelf::visitor& visit) { nats.read(stream, "", seq, visit); },
          .since = [&nats](std::string_view stream, std::int64_t since,
                           const shelf::visitor& visit) { nats.read_since(stream, since, visit); }};
}

found_messages find_messages(const shelf& from, record_id id, const search_clues& clues,
                             const search_limits& limits) {
  return message_search(from, id, clues, limits).run();
}

bool tells_of(const stored_message& note, const stored_message& message, std::int64_t made_at_ns) {
  if (header_number(note, "Ledgerd-Sequence") != message.seq)
    return false;
  const auto life = header_number(note, "Ledgerd-Incarnation");
  return life != 0 && made_at_ns != 0 ? life == static_cast<std::uint64_t>(made_at_ns)
                                      : note.stored_at_ns >= message.stored_at_ns;
}

bool is_entry_of(const stored_message& entry, const stored_message& letter) {
  return header_number(entry, names::letter_header) == letter.seq
         && entry.stored_at_ns >= letter.stored_at_ns;
}

std::optional<record_id> named_record(std::string_view payload) {
  const auto number = positive_number_in(payload, "recordId");
  return number ? std::optional{record_id{*number}} : std::nullopt;
}

std::string_view header_text(const stored_message& message, std::string_view name) {
  for (const auto& each : message.headers)
    if (each.name == name)
      return each.value;
  return {};
}

std::uint64_t header_number(const stored_message& message, std::string_view name) {
  return static_cast<std::uint64_t>(
      parse_integer(header_text(message, name), 0, INT64_MAX).value_or(0));
}

} // namespace ledgerd
