#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <set>
#include <thread>

#include "app/command_line.hpp"
#include "app/connections.hpp"
#include "app/progress.hpp"
#include "app/submit_input.hpp"
#include "app/text.hpp"
#include "app/verbs.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t window_max = 4096;
constexpr double rate_window_seconds =
    0.05; // PubAcks are looked at this often, at least, while a rate is kept
constexpr auto patience = std::chrono::seconds{10};
constexpr auto poll_interval = std::chrono::milliseconds{100};
constexpr std::size_t ids_per_query = 1000;

struct submit_options {
  request_fields one;
  std::string file;
  std::string wait_limit = "30s";
  double rate = 0; // messages a second; 0: as fast as possible
  bool raw = false;
  bool message_ids = false;
  bool wait = false;
};

// What is about to be sent, read once before anything goes out.
struct survey {
  std::uint64_t messages = 0;
  std::set<record_id> ids; // only when results are waited for
};

struct verdicts {
  std::uint64_t success = 0;
  std::uint64_t failed = 0;
  std::uint64_t parked = 0;
  std::size_t outstanding = 0;
};

using message_reader = std::function<std::optional<outgoing>(std::string& where)>;

// A new reader from the start; requests are read twice, so that a bad line is found before anything
// is sent.
message_reader open_input(const submit_options& options) {
  if (options.file.empty()) {
    auto message = std::make_shared<std::optional<outgoing>>(
        make_request(request_payload(options.one), options.raw));
    return [message](std::string& where) {
      where = "the request";
      return std::exchange(*message, std::nullopt);
    };
  }
  auto file = std::make_shared<request_file>(options.file, options.raw);
  return [file](std::string& where) {
    auto message = file->next();
    where = file->where();
    return message;
  };
}

survey look_ahead(const submit_options& options, const config& settings, ledger_reader* ledger) {
  std::optional<currency_table> currencies;
  if (!options.raw)
    currencies.emplace(ledger->currencies());
  survey found;
  const auto next = open_input(options);
  std::string where;
  while (const auto message = next(where)) {
    if (currencies)
      validate(*message, *currencies, settings.rules, where);
    ++found.messages;
    if (options.wait)
      if (const auto id = record_of(message->payload))
        found.ids.insert(*id);
  }
  return found;
}

void send(broker& nats, const submit_options& options, std::uint64_t messages) {
  const auto input = open_input(options);
  progress bar{"sent", messages};
  const auto began = clock::now();
  std::string where;
  std::uint64_t taken = 0;
  const auto next = [&]() -> std::optional<outgoing> {
    auto message = input(where);
    if (!message)
      return std::nullopt;
    message->token = taken;
    if (options.message_ids)
      add_message_id(*message);
    if (options.rate > 0)
      std::this_thread::sleep_until(
          began
          + std::chrono::duration_cast<clock::duration>(
              std::chrono::duration<double>{static_cast<double>(taken) / options.rate}));
    ++taken;
    return message;
  };
  const auto window = options.rate > 0 ? static_cast<std::size_t>(
                          std::clamp(options.rate * rate_window_seconds, 1.0, double{window_max}))
                                       : window_max;
  nats.publish_all(
      next, window, [&](std::uint64_t confirmed) { bar.update(confirmed); }, patience);
  bar.finish();
  const auto seconds = std::max(bar.elapsed().count(), 1e-6);
  std::printf("sent %llu in %.2f s (%.0f/s)\n", static_cast<unsigned long long>(messages), seconds,
              static_cast<double>(messages) / seconds);
}

// Takes those that have a row out of `waiting`.
void collect_rows(ledger_reader& ledger, std::set<record_id>& waiting, verdicts& so_far) {
  std::vector<record_id> asked;
  const auto ask = [&] {
    for (const auto& found : ledger.find_all(asked)) {
      ++(found.row.verdict == outcome::applied ? so_far.success : so_far.failed);
      waiting.erase(found.row.record);
    }
    asked.clear();
  };
  const std::vector<record_id> all(waiting.begin(), waiting.end());
  for (const auto id : all) {
    asked.push_back(id);
    if (asked.size() == ids_per_query)
      ask();
  }
  if (!asked.empty())
    ask();
}

// Reads the dead letters from `next_seq` on that came from requests after `after_request`.
void collect_dead_letters(broker& nats, std::uint64_t& next_seq, std::uint64_t after_request,
                          std::set<record_id>& waiting, verdicts& so_far) {
  const auto state = nats.stream(names::dead_letter_stream);
  if (!state.exists || state.last_seq < next_seq)
    return;
  nats.read(names::dead_letter_stream, "", next_seq, [&](const stored_message& message) {
    next_seq = message.seq + 1;
    const auto source = parse_integer(header_value(message, "Ledgerd-Sequence"), 1, INT64_MAX);
    if (header_value(message, "Ledgerd-Stream") != names::request_stream || !source
        || static_cast<std::uint64_t>(*source) <= after_request)
      return true;
    ++so_far.parked;
    if (const auto id = record_of(message.payload))
      waiting.erase(*id);
    return true;
  });
}

verdicts wait_for_verdicts(broker& nats, ledger_reader& ledger, std::set<record_id> waiting,
                           std::uint64_t after_request, std::uint64_t dead_letter_seq,
                           std::chrono::milliseconds limit) {
  const auto total = waiting.size();
  progress bar{"decided", total};
  verdicts so_far;
  for (const auto end = clock::now() + limit; !waiting.empty() && clock::now() < end;) {
    collect_rows(ledger, waiting, so_far);
    collect_dead_letters(nats, dead_letter_seq, after_request, waiting, so_far);
    bar.update(total - waiting.size());
    if (!waiting.empty())
      std::this_thread::sleep_for(poll_interval);
  }
  bar.finish();
  so_far.outstanding = waiting.size();
  return so_far;
}

void refuse_contradictions(const submit_options& options) {
  const bool flags_given = !options.one.user.empty() || !options.one.type.empty()
                           || !options.one.amount.empty() || options.one.record_id != 0;
  if (options.file.empty()
      && (options.one.user.empty() || options.one.type.empty() || options.one.amount.empty()
          || options.one.record_id == 0))
    throw usage_error{"submit needs --user, --type, --amount and --record-id, or --file"};
  if (!options.file.empty() && flags_given)
    throw usage_error{"--file cannot be combined with the fields of one request"};
}

int run_submit(const config& settings, const submit_options& options) {
  refuse_contradictions(options);
  const auto limit = parse_duration(options.wait_limit);
  if (!limit)
    throw usage_error{"--wait-limit must be a duration such as 500ms, 2s or 1m"};
  std::unique_ptr<ledger_reader> ledger;
  if (!options.raw || options.wait)
    ledger = open_ledger(settings);
  const auto found = look_ahead(options, settings, ledger.get());
  const auto nats = connect_broker(settings);
  const auto requests = nats->stream(names::request_stream);
  if (!requests.exists)
    throw std::runtime_error{"the stream " + std::string{names::request_stream}
                             + " does not exist yet; `ledgerd run` creates it"};
  const auto dead_letters = nats->stream(names::dead_letter_stream);
  send(*nats, options, found.messages);
  if (!options.wait)
    return exit_code::done;
  const auto result = wait_for_verdicts(*nats, *ledger, found.ids, requests.last_seq,
                                        dead_letters.last_seq + 1, *limit);
  std::printf("%s",
              format_table({{"success", "failed", "parked", "undecided"},
                            {std::to_string(result.success), std::to_string(result.failed),
                             std::to_string(result.parked), std::to_string(result.outstanding)}})
                  .c_str());
  return result.outstanding == 0 ? exit_code::done : exit_code::answer_is_no;
}

} // namespace

void add_submit(command_line& line) {
  const auto options = std::make_shared<submit_options>();
  auto& app = line.add_verb(
      {"submit", "Publish one request, or a file of them, to the stream",
       "ledgerd submit --user alice --type DEPOSIT --amount 10000 --record-id 1 --wait"},
      [options](const config& settings) { return run_submit(settings, *options); });
  app.add_option("--user", options->one.user, "userId of the request");
  app.add_option("--type", options->one.type, "DEPOSIT or WITHDRAWAL")
      ->check(CLI::IsMember({"DEPOSIT", "WITHDRAWAL"}));
  app.add_option("--amount", options->one.amount, "Exact decimal, such as 10000 or 12.50");
  app.add_option("--currency", options->one.currency,
                 "Three capital letters; by default --default-currency");
  app.add_option("--record-id", options->one.record_id, "The idempotency key")
      ->check(CLI::PositiveNumber);
  app.add_option("--file", options->file, "A file with one request as JSON on each line");
  app.add_flag("--raw", options->raw,
               "Send what cannot be valid, too; a line {\"subject\": ..., \"payload\": ...} names "
               "its own subject");
  app.add_flag("--message-ids", options->message_ids,
               "Give each message the id request-<recordId>");
  app.add_option("--rate", options->rate,
                 "Messages a second, whatever the broker's answers; 0: no limit")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--wait", options->wait, "Wait for the verdicts and count them");
  app.add_option("--wait-limit", options->wait_limit, "How long to wait for them")
      ->capture_default_str();
}

} // namespace ledgerd
