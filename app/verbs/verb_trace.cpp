#include <exception>
#include <memory>

#include "app/base/output.hpp"
#include "app/trace/trace.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/progress.hpp"
#include "app/verbs/verb_support.hpp"
#include "app/verbs/verbs.hpp"

namespace ledgerd {

namespace {

struct trace_options {
  std::int64_t id = 0;
  bool all = false;
  bool json = false;
};

// What a verb can be made of; otherwise the reason in `problem`.
template <class Make>
auto made(Make make, std::string& problem, std::exception_ptr& first) -> decltype(make()) {
  try {
    return make();
  } catch (const std::runtime_error& why) {
    problem = why.what();
    if (!first)
      first = std::current_exception();
    return nullptr;
  }
}

// One line or bar for each stream, one after the other.
class stream_progress {
public:
  void update(std::string_view stream, std::uint64_t done, std::uint64_t total) {
    if (stream != stream_) {
      finish();
      stream_ = stream;
      bar_.emplace("read of " + stream_, total);
    }
    bar_->update(done_ = done);
  }

  void finish() {
    if (bar_)
      bar_->finish(done_);
    bar_.reset();
  }

private:
  std::string stream_;
  std::optional<progress> bar_;
  std::uint64_t done_ = 0;
};

int run_trace(const config& settings, const trace_options& options) {
  trace_sources from;
  std::exception_ptr first;
  const auto nats = made([&] { return connect_broker(settings); }, from.nats_problem, first);
  const bool configured = !settings.database_url.empty();
  const auto ledger = configured ? open_ledger_to_read(settings) : nullptr;
  const auto records =
      settings.records_url().empty()
          ? nullptr
          : make_postgres_record_reader(reading_connection(settings.records_url()));
  from.nats = nats.get();
  from.ledger = ledger.get();
  from.records = records.get();
  stream_progress shown;
  trace_limits limits;
  limits.search.all = options.all;
  limits.search.progress = [&](std::string_view stream, std::uint64_t done, std::uint64_t total) {
    shown.update(stream, done, total);
  };
  const auto report = trace(record_id{options.id}, from, limits);
  shown.finish();
  if (first && !report.facts.ledger_problem.empty())
    std::rethrow_exception(first); // nobody could be asked at all
  if (options.json)
    print_json(trace_json(report));
  else
    print_lines(trace_text(report));
  if (const auto next = next_step(report.story, record_id{options.id});
      !options.json && !next.empty())
    print_line("next: %s", next.c_str());
  if (report.story.state != trace_state::unknown)
    return exit_code::done;
  return report.story.asked_all ? exit_code::answer_is_no : exit_code::cannot_start;
}

} // namespace

void add_trace(command_line& line) {
  const auto options = std::make_shared<trace_options>();
  auto& app =
      line.add_verb({"trace", "Tell the story of one record: where it was when, and where it is",
                     "ledgerd trace 4711"},
                    [options](const config& settings) { return run_trace(settings, *options); });
  add_integer(app, "RECORD_ID", options->id, 1, INT64_MAX, "The record id").required();
  app.add_flag("--all", options->all,
               "Read all streams from their beginning, however long it takes");
  app.add_flag("--json", options->json, "Print JSON");
}

} // namespace ledgerd
