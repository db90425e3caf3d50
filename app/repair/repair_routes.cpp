#include "app/repair/repair_routes.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <set>
#include <utility>

#include "app/base/text.hpp"
#include "app/http/known_query.hpp"
#include "app/repair/repair_json.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t page_default = 50;
constexpr std::size_t page_max = 1000;
constexpr std::size_t call_limit_default = 1000;
constexpr std::size_t call_limit_max = 10000;
constexpr std::size_t seqs_max = 1000;
constexpr std::size_t shown_max = 1000; // items in the answer of a replay or discard
constexpr std::size_t why_bytes_max = 512;

http_response json_response(const ordered_json& body) {
  return {200,
          "application/json",
          body.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n",
          {}};
}

http_response invalid(std::string_view field, std::string_view rule) {
  return http_problem(400, "INVALID_FIELD",
                      "field \"" + std::string(field) + "\": " + std::string(rule));
}

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool is_json(const http_request& request) {
  const auto type = request.header("content-type");
  return request.header_count("content-type") == 1
         && same_word(trimmed(type.substr(0, type.find(';'))), "application/json");
}

// The document, and the first member that is given twice in its object, however deep: the library
// would believe the last one.
ordered_json parse_once(std::string_view body, std::optional<std::string>& doubled) {
  std::vector<std::set<std::string>> open;
  const auto look = [&](int, ordered_json::parse_event_t event, const ordered_json& parsed) {
    if (event == ordered_json::parse_event_t::object_start)
      open.emplace_back();
    else if (event == ordered_json::parse_event_t::object_end)
      open.pop_back();
    else if (event == ordered_json::parse_event_t::key
             && !open.back().insert(parsed.get<std::string>()).second && !doubled)
      doubled = parsed.get<std::string>();
    return true;
  };
  return ordered_json::parse(body, look, false);
}

// What a page is asked for.
struct page_question {
  letter_filter filter;
  std::size_t limit = page_default;
  std::uint64_t before = 0;
};

std::variant<page_question, http_response> read_page_question(const http_request& request,
                                                              bool with_filter, bool with_page) {
  page_question result;
  for (const auto& [name, value] : request.query) {
    const bool of_page = with_page && (name == "limit" || name == "before");
    if (of_page) {
      const auto most = name == "limit" ? std::int64_t{page_max} : INT64_MAX;
      const auto number = parse_integer(value, 1, most);
      if (request.argument_count(name) > 1)
        return invalid(name, "must not be given twice");
      if (!number)
        return invalid(name, "must be an integer from 1 to " + std::to_string(most));
      if (name == "limit")
        result.limit = static_cast<std::size_t>(*number);
      else
        result.before = static_cast<std::uint64_t>(*number);
    } else if (!with_filter) {
      return invalid(name, "is not known");
    } else if (const auto fault = result.filter.set(name, value, now_ns())) {
      return invalid(name, *fault);
    }
  }
  return result;
}

// What a lane keeps between calls; made there, and used by its thread alone.
struct kept_shelf {
  broker* of = nullptr;
  std::optional<letter_shelf> shelf;

  letter_shelf& at(broker& nats) {
    if (std::exchange(of, &nats) != &nats)
      shelf.emplace(nats);
    return *shelf;
  }
};

// Reads the members of a repair's body, each into its place.
class order_reader {
public:
  order_reader(repair_order& order, std::int64_t now) : order_(order), now_(now) {}

  std::optional<http_response> read(const ordered_json& body) {
    for (const auto& [name, value] : body.items())
      if (auto fault = read_member(name, value))
        return fault;
    const auto ways = int{has_seqs_} + int{has_filter_} + int{all_};
    if (ways != 1)
      return invalid("seqs", "give either seqs, or a filter, or \"all\": true");
    const bool discards = order_.what == action_kind::discard;
    if (order_.payload && (discards || order_.seqs.size() != 1))
      return invalid("payload", "needs one letter that is replayed");
    if (!order_.set.empty() && (discards || all_))
      return invalid("set", "needs letters that are replayed, by seqs or a filter");
    return std::nullopt;
  }

private:
  std::optional<http_response> read_member(const std::string& name, const ordered_json& value) {
    if (name == "seqs")
      return read_seqs(value);
    if (name == "filter")
      return read_filter(value);
    if (name == "set")
      return read_changes(value);
    if (name == "all")
      return read_flag(name, value, all_);
    if (name == "dryRun")
      return read_flag(name, value, order_.dry_run);
    if (name == "force")
      return read_flag(name, value, order_.force);
    if (name == "why")
      return read_text(name, value, why_bytes_max, order_.origin.why);
    if (name == "payload")
      return read_text(name, value, SIZE_MAX, order_.payload.emplace());
    std::uint64_t number = 0;
    if (name == "limit") {
      auto fault = read_number(name, value, 1, call_limit_max, number);
      order_.limit = static_cast<std::size_t>(number);
      return fault;
    }
    if (name == "after")
      return read_number(name, value, 0, INT64_MAX, order_.after);
    if (name == "upTo")
      return read_number(name, value, 0, INT64_MAX, order_.up_to.emplace());
    return invalid(name, "is not known");
  }

  static std::optional<http_response> read_flag(std::string_view name, const ordered_json& value,
                                                bool& place) {
    if (!value.is_boolean())
      return invalid(name, "must be true or false");
    place = value.get<bool>();
    return std::nullopt;
  }

  static std::optional<http_response> read_text(std::string_view name, const ordered_json& value,
                                                std::size_t bytes_max, std::string& place) {
    if (!value.is_string())
      return invalid(name, "must be a string");
    place = value.get<std::string>();
    if (place.size() > bytes_max)
      return invalid(name, "must have at most " + std::to_string(bytes_max) + " bytes");
    return std::nullopt;
  }

  static std::optional<http_response> read_number(std::string_view name, const ordered_json& value,
                                                  std::uint64_t low, std::uint64_t high,
                                                  std::uint64_t& place) {
    const auto number =
        value.is_number_unsigned() ? std::optional{value.get<std::uint64_t>()} : std::nullopt;
    if (!number || *number < low || *number > high)
      return invalid(name, "must be an integer from " + std::to_string(low) + " to "
                               + std::to_string(high));
    place = *number;
    return std::nullopt;
  }

  std::optional<http_response> read_seqs(const ordered_json& value) {
    constexpr auto rule = "must be an array of 1 to 1000 sequence numbers";
    has_seqs_ = true;
    if (!value.is_array() || value.empty() || value.size() > seqs_max)
      return invalid("seqs", rule);
    for (const auto& each : value) {
      if (!each.is_number_unsigned() || each.get<std::uint64_t>() == 0
          || each.get<std::uint64_t>() > std::uint64_t{INT64_MAX})
        return invalid("seqs", rule);
      order_.seqs.push_back(each.get<std::uint64_t>());
    }
    return std::nullopt;
  }

  std::optional<http_response> read_filter(const ordered_json& value) {
    has_filter_ = true;
    if (!value.is_object() || value.empty())
      return invalid("filter", "must be an object with at least one condition; all letters are "
                               "meant by \"all\": true");
    for (const auto& [name, wanted] : value.items()) {
      if (!wanted.is_string() && !wanted.is_number_integer())
        return invalid(name, "must be a string");
      const auto text = wanted.is_string() ? wanted.get<std::string>() : wanted.dump();
      if (const auto fault = order_.filter.set(name, text, now_))
        return invalid(name, *fault);
    }
    return std::nullopt;
  }

  std::optional<http_response> read_changes(const ordered_json& value) {
    if (!value.is_object() || value.empty())
      return invalid("set", "must be an object of fields and their new texts");
    for (const auto& [field, text] : value.items()) {
      if (const auto fault = change_fault(field))
        return invalid(field, *fault);
      if (!text.is_string())
        return invalid(field, "must be a string");
      order_.set.emplace_back(field, text.get<std::string>());
    }
    return std::nullopt;
  }

  repair_order& order_;
  std::int64_t now_;
  bool has_seqs_ = false;
  bool has_filter_ = false;
  bool all_ = false;
};

http_response refused(const edit_refused& why) {
  if (why.reason() == dead_reason::record_id_conflict)
    return http_problem(409, "RECORD_ID_CONFLICT", why.what());
  if (why.reason() == dead_reason::too_large)
    return http_problem(413, "TOO_LARGE", why.what());
  return http_problem(400, to_text(why.reason()), why.what());
}

// On the change lane.
http_response do_repair(const repair_order& order, letter_shelf& shelf, desk_tools& with,
                        const desk_limit& limit) {
  // Fresh from the table: a currency may have been inserted because of these letters.
  std::optional<currency_table> fresh;
  try {
    if (with.ledger && order.what == action_kind::replay)
      fresh.emplace(with.ledger->currencies());
  } catch (const std::runtime_error&) {
    if (order.dry_run || order.edits())
      throw;
    // While the database is away letters are replayed all the same, and nothing is foretold.
  }
  const repair_tools tools{.nats = *with.nats,
                           .shelf = shelf,
                           .ledger = fresh ? with.ledger.get() : nullptr,
                           .records = with.records.get(),
                           .currencies = fresh ? &*fresh : with.currencies.get(),
                           .rules = with.rules};
  auto items = ordered_json::array();
  try {
    const auto outcome = repair(
        tools, order,
        [&](const repair_step& step) {
          if (items.size() < shown_max)
            items.push_back(step_json(order, step));
        },
        [&] { return limit.over(); });
    if (order.seqs.size() == 1 && outcome.missing == 1)
      return http_problem(404, "NOT_FOUND",
                          "there is no dead letter with the sequence number "
                              + std::to_string(order.seqs.front()));
    return json_response(outcome_json(order, outcome, std::move(items)));
  } catch (const edit_refused& why) {
    return refused(why);
  }
}

// The library waits for long, and says why in words of its own.
template <class Work>
http_response with_broker(const broker& nats, Work work) {
  const std::string away = "NATS is away: dead letters and actions are in its streams";
  if (!nats.connected())
    throw std::runtime_error(away);
  try {
    return work();
  } catch (const std::runtime_error& e) {
    if (nats.connected())
      throw;
    throw std::runtime_error(away + "; " + e.what());
  }
}

template <class Page, class Show>
http_response show_page(const Page& page, Show show) {
  auto items = ordered_json::array();
  for (const auto& each : page.items)
    items.push_back(show(each));
  return json_response(page_json(std::move(items), page.next));
}

using look = std::function<http_response(letter_shelf&, const stop_asked&)>;

class repair_routes {
public:
  explicit repair_routes(std::shared_ptr<work_desk> desk) : desk_(std::move(desk)) {}

  void list(const http_request& request, http_responder respond) {
    ask(request, true, true, std::move(respond), [](const page_question& asked) -> look {
      return [asked](letter_shelf& shelf, const stop_asked& stop) {
        return show_page(shelf.page(asked.filter, asked.limit, asked.before, stop), letter_json);
      };
    });
  }

  void groups(const http_request& request, http_responder respond) {
    ask(request, true, false, std::move(respond), [](const page_question& asked) -> look {
      return [asked](letter_shelf& shelf, const stop_asked& stop) {
        return json_response(groups_json(shelf.groups(asked.filter, stop)));
      };
    });
  }

  void actions(const http_request& request, http_responder respond) {
    ask(request, false, true, std::move(respond), [](const page_question& asked) -> look {
      return [asked](letter_shelf& shelf, const stop_asked& stop) {
        return show_page(shelf.actions(asked.limit, asked.before, stop), action_json);
      };
    });
  }

  void show(const http_request& request, http_responder respond) {
    const auto named = request.parameter("seq");
    if (named == "replay" || named == "discard") { // which are paths of their own
      auto other = http_problem(405, "METHOD_NOT_ALLOWED", "this path allows POST");
      other.headers.emplace_back("Allow", "POST");
      return respond(std::move(other));
    }
    if (auto refusal = refuse_unknown_query(request, {}))
      return respond(*std::move(refusal));
    const auto seq = parse_integer(named, 1, INT64_MAX);
    if (!seq)
      return respond(invalid("seq", "must be an integer from 1 to 9223372036854775807"));
    give(std::move(respond),
         [seq = static_cast<std::uint64_t>(*seq)](letter_shelf& shelf, const stop_asked& stop) {
           const auto found = shelf.find(seq, stop);
           return found ? json_response(whole_letter_json(*found))
                        : http_problem(404, "NOT_FOUND",
                                       "there is no dead letter with the sequence number "
                                           + std::to_string(seq));
         });
  }

  void change(action_kind what, const http_request& request, http_responder respond) {
    if (!is_json(request))
      return respond(http_problem(415, "UNSUPPORTED_MEDIA_TYPE",
                                  "the header Content-Type must be application/json"));
    auto read = read_repair_order(what, request.body, now_ns());
    if (auto* refusal = std::get_if<http_response>(&read))
      return respond(std::move(*refusal));
    auto order = std::get<repair_order>(std::move(read));
    order.origin.who = request.caller.empty() ? "http" : request.caller;
    order.origin.stamp = now_ns() / 1'000'000;
    desk_->give(
        desk_lane::change,
        [kept = changes_, order = std::move(order)](desk_tools& with, const desk_limit& limit) {
          return with_broker(*with.nats,
                             [&] { return do_repair(order, kept->at(*with.nats), with, limit); });
        },
        std::move(respond));
  }

private:
  template <class MakeLook>
  void ask(const http_request& request, bool with_filter, bool with_page, http_responder respond,
           MakeLook make) {
    auto read = read_page_question(request, with_filter, with_page);
    if (auto* refusal = std::get_if<http_response>(&read))
      return respond(std::move(*refusal));
    give(std::move(respond), make(std::get<page_question>(read)));
  }

  void give(http_responder respond, look what) {
    desk_->give(
        desk_lane::look,
        [kept = looks_, what = std::move(what)](desk_tools& with, const desk_limit& limit) {
          return with_broker(
              *with.nats, [&] { return what(kept->at(*with.nats), [&] { return limit.over(); }); });
        },
        std::move(respond));
  }

  std::shared_ptr<work_desk> desk_;
  std::shared_ptr<kept_shelf> looks_ = std::make_shared<kept_shelf>();
  std::shared_ptr<kept_shelf> changes_ = std::make_shared<kept_shelf>();
};

} // namespace

std::variant<repair_order, http_response> read_repair_order(action_kind what, std::string_view body,
                                                            std::int64_t now) {
  std::optional<std::string> doubled;
  const auto document = parse_once(body, doubled);
  if (!document.is_object())
    return http_problem(400, "MALFORMED_JSON", "the body must be a JSON object");
  if (doubled)
    return invalid(*doubled, "must not be given twice");
  repair_order order{.what = what, .limit = call_limit_default};
  if (auto fault = order_reader{order, now}.read(document))
    return *std::move(fault);
  return order;
}

std::vector<http_route> make_repair_routes(const std::shared_ptr<work_desk>& desk) {
  const auto shared = std::make_shared<repair_routes>(desk);
  std::vector<http_route> routes;
  const auto get = [&](const char* path,
                       void (repair_routes::*handle)(const http_request&, http_responder)) {
    routes.push_back({"GET", path, [shared, handle](const auto& request, auto respond) {
                        (shared.get()->*handle)(request, std::move(respond));
                      }});
  };
  const auto post = [&](const char* path, action_kind what) {
    routes.push_back({"POST", path, [shared, what](const auto& request, auto respond) {
                        shared->change(what, request, std::move(respond));
                      }});
  };
  get("/v1/dead-letters", &repair_routes::list);
  get("/v1/dead-letters/groups", &repair_routes::groups);
  get("/v1/dead-letters/{seq}", &repair_routes::show);
  post("/v1/dead-letters/replay", action_kind::replay);
  post("/v1/dead-letters/discard", action_kind::discard);
  get("/v1/actions", &repair_routes::actions);
  return routes;
}

} // namespace ledgerd
