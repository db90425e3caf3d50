#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "app/base/output.hpp"
#include "app/base/stop_signals.hpp"
#include "app/base/text.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/progress.hpp"
#include "app/verbs/submit_input.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"
#include "messaging/topology.hpp"

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
  bool json = false;
};

// What a request asks for, and what its row or dead letter says, too: an id alone may be that of
// another request. What the ledger cannot read has no row: no id, and the payload as content.
struct asked_for {
  record_id id{};
  std::int64_t content = 0;

  friend auto operator<=>(const asked_for&, const asked_for&) = default;
};

// How many lines ask for the same: one verdict answers them all.
using asked_lines = std::map<asked_for, std::uint64_t>;

// What has become of a run so far.
struct sent_so_far {
  std::uint64_t taken = 0;     // from the input
  std::uint64_t confirmed = 0; // by the broker: in the stream
  asked_lines lines;           // only when results are waited for
  std::string fault;           // of a line that ended the run; empty: none
};

// In lines.
struct verdicts {
  std::uint64_t success = 0;
  std::uint64_t failed = 0;
  std::uint64_t parked = 0;
  std::uint64_t outstanding = 0;
};

// The one request of the flags, or the lines of a file or pipe.
class submit_input {
public:
  explicit submit_input(const submit_options& options) {
    if (options.file.empty())
      one_ = make_request(request_payload(options.one), options.raw);
    else
      lines_.emplace(options.file, options.raw);
  }

  request_lines::step next(outgoing& message) {
    if (lines_)
      return lines_->next(message);
    if (!one_)
      return request_lines::step::end;
    message = *std::exchange(one_, std::nullopt);
    return request_lines::step::message;
  }

  std::string where() const { return lines_ ? lines_->where() : "the request"; }
  request_lines* file() { return lines_ && lines_->is_file() ? &*lines_ : nullptr; }

private:
  std::optional<outgoing> one_;
  std::optional<request_lines> lines_;
};

// Reads messages as the ledger does.
class judgement {
public:
  // There may be no currencies when messages are only sent, as they are.
  judgement(const submit_options& options, const config& settings,
            std::optional<currency_table> currencies)
      : raw_{options.raw}, rules_{settings.rules}, currencies_{std::move(currencies)} {}

  // Throws usage_error when the ledger would park the message; --raw sends it all the same.
  void operator()(const outgoing& message, const std::string& where) const {
    if (!raw_)
      validate(message, *currencies_, rules_, where);
  }

  asked_for read(std::string_view subject, std::string_view payload) const {
    const auto decoded = decode_entry(subject, payload, *currencies_, rules_);
    if (const auto* asked = std::get_if<entry>(&decoded))
      return {asked->id, fingerprint(asked->account, asked->type, asked->amount)};
    // A dead letter may hold less of what is too large.
    const auto hash = std::hash<std::string_view>{}(payload.substr(0, payload_bytes_max));
    return {{}, static_cast<std::int64_t>(hash)};
  }

private:
  bool raw_;
  request_rules rules_;
  std::optional<currency_table> currencies_;
};

// A file can be read twice, so a bad line is found before anything is sent, and the length is
// known. Returns the number of its requests; 0 for what can be read only once.
std::uint64_t look_ahead(submit_input& input, const judgement& judge) {
  auto* file = input.file();
  if (file == nullptr)
    return 0;
  std::uint64_t messages = 0;
  for (outgoing message; !stop_signals::seen();) {
    const auto step = file->next(message);
    if (step == request_lines::step::end)
      break;
    if (step != request_lines::step::message)
      continue;
    judge(message, file->where());
    ++messages;
  }
  file->rewind();
  return messages;
}

class sender {
public:
  sender(const submit_options& options, submit_input& input, const judgement& judge,
         std::uint64_t total)
      : options_{options}, input_{input}, judge_{judge}, bar_{"sent", total} {}

  void run(broker& nats) {
    const auto window = options_.rate > 0 ? static_cast<std::size_t>(std::clamp(
                            options_.rate * rate_window_seconds, 1.0, double{window_max}))
                                          : window_max;
    bytes_max_ = nats.message_bytes_max();
    nats.publish_all([this] { return next(); }, window,
                     [this](std::uint64_t confirmed) {
                       state_.confirmed = confirmed;
                       bar_.update(confirmed);
                     },
                     patience);
  }

  // Says what is in the stream, however the run has ended; as JSON nothing yet.
  nlohmann::ordered_json tell() {
    bar_.finish(state_.confirmed);
    const auto seconds = std::max(bar_.elapsed().count(), 1e-6);
    const auto open = state_.taken - state_.confirmed;
    if (!options_.json)
      print_line("sent %llu in %.2f s (%.0f/s)%s",
                 static_cast<unsigned long long>(state_.confirmed), seconds,
                 static_cast<double>(state_.confirmed) / seconds,
                 open == 0 ? "" : (", not confirmed: " + std::to_string(open)).c_str());
    return {{"sent", state_.confirmed}, {"unconfirmed", open}, {"seconds", seconds}};
  }

  const sent_so_far& state() const { return state_; }

private:
  std::optional<outgoing> next() {
    outgoing message;
    if (stop_signals::seen() || !due())
      return stop_signals::seen() ? std::nullopt : std::optional{outgoing{}};
    const auto step = input_.next(message);
    if (step == request_lines::step::end)
      return std::nullopt;
    if (step == request_lines::step::nothing_yet)
      return outgoing{};
    try {
      judge_(message, input_.where());
      refuse_large(message);
    } catch (const usage_error& bad) {
      state_.fault = bad.what();
      return std::nullopt;
    }
    message.token = state_.taken++;
    if (options_.message_ids)
      add_message_id(message);
    if (options_.wait)
      ++state_.lines[judge_.read(message.subject, message.payload)];
    return message;
  }

  // The broker would refuse it as often as it is tried.
  void refuse_large(const outgoing& message) const {
    if (bytes_max_ != 0 && message.payload.size() > bytes_max_)
      throw usage_error{input_.where() + ": TOO_LARGE: the payload has "
                        + std::to_string(message.payload.size())
                        + " bytes, and the NATS server takes " + std::to_string(bytes_max_)
                        + " (its max_payload)"};
  }

  // Waits for the rate, but not longer than a signal may wait.
  bool due() const {
    if (options_.rate <= 0)
      return true;
    const auto at = began_
                    + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>{
                        static_cast<double>(state_.taken) / options_.rate});
    std::this_thread::sleep_until(std::min(at, clock::now() + poll_interval));
    return clock::now() >= at;
  }

  const submit_options& options_;
  submit_input& input_;
  const judgement& judge_;
  progress bar_;
  sent_so_far state_;
  std::size_t bytes_max_ = 0; // of a message; 0: not known
  clock::time_point began_ = clock::now();
};

// Waits for what the ledger and the dead letters say of each line.
class verdict_wait {
public:
  verdict_wait(broker& nats, ledger_reader& ledger, const judgement& judge, asked_lines lines)
      : nats_{nats}, ledger_{ledger}, judge_{judge}, waiting_{std::move(lines)} {
    for (const auto& [asked, lines_of_it] : waiting_)
      so_far_.outstanding += lines_of_it;
  }

  // Dead letters count from `dead_letter_seq` on, and only those of requests after `after_request`.
  verdicts run(std::uint64_t after_request, std::uint64_t dead_letter_seq,
               std::chrono::milliseconds limit) {
    const auto total = so_far_.outstanding;
    progress bar{"decided", total};
    for (const auto end = clock::now() + limit;
         !waiting_.empty() && clock::now() < end && !stop_signals::seen();) {
      collect_rows();
      collect_dead_letters(after_request, dead_letter_seq);
      bar.update(total - so_far_.outstanding);
      if (!waiting_.empty())
        std::this_thread::sleep_for(poll_interval);
    }
    bar.finish(total - so_far_.outstanding);
    return so_far_;
  }

private:
  void settle(const asked_for& asked, std::uint64_t& verdict) {
    const auto found = waiting_.find(asked);
    if (found == waiting_.end())
      return; // somebody else's
    verdict += found->second;
    so_far_.outstanding -= found->second;
    waiting_.erase(found);
  }

  void collect_rows() {
    std::vector<record_id> ids;
    for (const auto& [asked, lines] : waiting_)
      if (asked.id != record_id{} && (ids.empty() || ids.back() != asked.id))
        ids.push_back(asked.id);
    for (std::size_t begin = 0; begin < ids.size(); begin += ids_per_query) {
      const auto end = std::min(begin + ids_per_query, ids.size());
      const std::vector<record_id> some(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                        ids.begin() + static_cast<std::ptrdiff_t>(end));
      for (const auto& [row, checksum, agrees] : ledger_.find_all(some))
        settle({row.record, fingerprint(row.account, row.type, row.amount)},
               row.verdict == outcome::applied ? so_far_.success : so_far_.failed);
    }
  }

  void collect_dead_letters(std::uint64_t after_request, std::uint64_t& next_seq) {
    const auto state = nats_.stream(names::dead_letter_stream);
    if (!state.exists || state.last_seq < next_seq)
      return;
    nats_.read(names::dead_letter_stream, "", next_seq, [&](const stored_message& message) {
      next_seq = message.seq + 1;
      const auto source = parse_integer(header_value(message, "Ledgerd-Sequence"), 1, INT64_MAX);
      if (header_value(message, "Ledgerd-Stream") == names::request_stream && source
          && static_cast<std::uint64_t>(*source) > after_request)
        settle(judge_.read(header_value(message, "Ledgerd-Subject"), message.payload),
               so_far_.parked);
      return true;
    });
  }

  broker& nats_;
  ledger_reader& ledger_;
  const judgement& judge_;
  asked_lines waiting_;
  verdicts so_far_;
};

// Text as people write it: the library would take 0x10 and infinity, too.
double parse_rate(const std::string& text) {
  constexpr double rate_max = 1e9;
  double rate = 0;
  const auto* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, rate, std::chars_format::fixed);
  if (error != std::errc{} || end != last || !(rate >= 0 && rate <= rate_max))
    throw CLI::ValidationError{"--rate", "must be a number from 0 to 1000000000, not `"
                                             + shorten(text) + "`"};
  return rate;
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

// Publishes everything and says how much of it is in the stream, also when that is not all.
nlohmann::ordered_json send(broker& nats, sender& through, bool json) {
  const auto tell_half = [&] {
    const auto sent = through.tell();
    // Of nothing there is no half: then the reason is printed instead.
    if (json && through.state().taken > 0)
      print_json(sent);
  };
  try {
    through.run(nats);
  } catch (...) {
    tell_half();
    throw;
  }
  if (through.state().fault.empty())
    return through.tell();
  tell_half();
  throw usage_error{through.state().fault + "; nothing from there on was sent"};
}

nlohmann::ordered_json to_json(const verdicts& found) {
  return {{"success", found.success},
          {"failed", found.failed},
          {"parked", found.parked},
          {"undecided", found.outstanding}};
}

void print_verdicts(const verdicts& found) {
  print_table({{"success", "failed", "parked", "undecided"},
               {std::to_string(found.success), std::to_string(found.failed),
                std::to_string(found.parked), std::to_string(found.outstanding)}});
}

// Throws with what the ledger's database is asked for.
void read_ledger(const config& settings, const submit_options& options,
                 std::unique_ptr<ledger_reader>& ledger,
                 std::optional<currency_table>& currencies) {
  const std::string why =
      options.raw ? "; --wait reads the verdicts from it"
                  : "; requests are checked with its currencies first: --raw sends them as they "
                    "are, with the broker alone";
  try {
    ledger = open_ledger(settings);
    currencies.emplace(ledger->currencies());
  } catch (const usage_error& e) {
    throw usage_error{e.what() + why};
  } catch (const std::runtime_error& e) {
    throw std::runtime_error{e.what() + why};
  }
}

int run_submit(const config& settings, const submit_options& options) {
  refuse_contradictions(options);
  const auto limit = parse_duration(options.wait_limit);
  if (!limit)
    throw usage_error{"--wait-limit must be a duration such as 500ms, 2s or 1m"};
  const stop_signals signals;
  submit_input input{options};
  std::unique_ptr<ledger_reader> ledger;
  std::optional<currency_table> currencies;
  if (!options.raw || options.wait)
    read_ledger(settings, options, ledger, currencies);
  const judgement judge{options, settings, std::move(currencies)};
  const auto total = look_ahead(input, judge);
  const auto nats = connect_broker(settings);
  const auto requests = nats->stream(names::request_stream);
  if (!requests.exists)
    throw std::runtime_error{"the stream " + std::string{names::request_stream}
                             + " does not exist yet; `ledgerd run` creates it"};
  const auto dead_letters = nats->stream(names::dead_letter_stream);
  sender through{options, input, judge, total};
  auto told = send(*nats, through, options.json);
  int code = exit_code::done;
  if (options.wait && !stop_signals::seen()) {
    const auto found = verdict_wait{*nats, *ledger, judge, through.state().lines}.run(
        requests.last_seq, dead_letters.last_seq + 1, *limit);
    told["verdicts"] = to_json(found);
    if (!options.json)
      print_verdicts(found);
    if (found.failed != 0 || found.parked != 0 || found.outstanding != 0)
      code = exit_code::answer_is_no;
  }
  if (options.json)
    print_json(told);
  if (stop_signals::seen())
    signals.end_as_asked();
  return code;
}

} // namespace

void add_submit(command_line& line) {
  const auto options = std::make_shared<submit_options>();
  auto& app = line.add_verb(
      {"submit",
       "Publish one request, or a file of them, to the stream; the ledger's database says which "
       "currencies there are, and with --wait the verdicts",
       "ledgerd submit --user alice --type DEPOSIT --amount 10000 --record-id 1 --wait"},
      [options](const config& settings) { return run_submit(settings, *options); });
  app.add_option("--user", options->one.user, "userId of the request");
  std::vector<std::string> types;
  for (const auto& route : movement_routes)
    types.emplace_back(to_text(route.type));
  app.add_option("--type", options->one.type,
                 movement_choice([](const auto& route) { return to_text(route.type); }))
      ->check(CLI::IsMember(types));
  app.add_option("--amount", options->one.amount, "Exact decimal, such as 10000 or 12.50");
  app.add_option("--currency", options->one.currency,
                 "Three capital letters; by default --default-currency");
  add_integer(app, "--record-id", options->one.record_id, 1, INT64_MAX, "The idempotency key");
  app.add_option("--file", options->file,
                 "A file or pipe with one request as JSON on each line; `-`: standard input")
      ->type_name("PATH");
  app.add_flag("--raw", options->raw,
               "Send what cannot be valid, too, and do without the database; a line {\"subject\": "
               "..., \"payload\": ...} names its own subject");
  app.add_flag("--message-ids", options->message_ids,
               "Give each message the id request-<recordId>");
  app.add_option_function<std::string>(
         "--rate", [options](const std::string& text) { options->rate = parse_rate(text); },
         "Messages a second, whatever the broker's answers; 0: no limit")
      ->type_name("N");
  app.add_flag("--wait", options->wait,
               "Wait for the verdicts and count them; exit code 1 when something is refused, "
               "parked or undecided");
  app.add_option("--wait-limit", options->wait_limit, "How long to wait for them")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_flag("--json", options->json, "Print JSON, once everything is sent and decided");
}

} // namespace ledgerd
