// ledgerd_simulate: runs seeds, each in a process of its own, so that a seed that ends the process
// is told like any other fault, and several side by side.
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/simulation/kinds.hpp"
#include "tests/simulation/world.hpp"

namespace ledgerd::sim {
extern const char* const commit_of_build;
}

using namespace ledgerd::sim;

namespace {

struct arguments {
  std::uint64_t from = 1;
  std::uint64_t seeds = 100;
  std::size_t jobs = 0;      // 0: one for each processor
  std::uint64_t seconds = 0; // after which no more are begun; 0: all are
  std::uint64_t least = 0;   // fewer in that time are a failure
  bool tells = false;
  bool twice = false; // each seed two times: both must be the same
  bool counts = false;
  bool stops = false; // at the first that fails
};

struct child_process {
  std::uint64_t seed = 0;
  pid_t pid = 0;
  int out = -1;
  std::string said;
};

[[noreturn]] void explain() {
  std::puts("usage: ledgerd_simulate [--seeds N] [--from S] [--jobs N] [--for SECONDS] "
            "[--least N] [--tell] [--twice] [--counts] [--stop]\n"
            "  --seeds N   how many seeds to run (100)\n"
            "  --from S    the first seed (1)\n"
            "  --jobs N    how many side by side (one for each processor)\n"
            "  --for S     begin no more after so many seconds (all)\n"
            "  --least N   fail when fewer seeds were run in that time (0)\n"
            "  --tell      say what happens and when, and let the program log\n"
            "  --twice     run each seed two times, and compare\n"
            "  --counts    say at the end what all seeds together have seen\n"
            "  --stop      begin no more once one has failed");
  std::exit(2);
}

arguments read(int argc, char** argv) {
  arguments result;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto number = [&]() -> std::uint64_t {
      if (++i == argc)
        explain();
      char* end = nullptr;
      const auto value = std::strtoull(argv[i], &end, 10);
      if (end == argv[i] || *end != '\0')
        explain();
      return value;
    };
    if (name == "--seeds")
      result.seeds = number();
    else if (name == "--from")
      result.from = number();
    else if (name == "--jobs")
      result.jobs = static_cast<std::size_t>(number());
    else if (name == "--for")
      result.seconds = number();
    else if (name == "--least")
      result.least = number();
    else if (name == "--tell")
      result.tells = true;
    else if (name == "--twice")
      result.twice = true;
    else if (name == "--counts")
      result.counts = true;
    else if (name == "--stop")
      result.stops = true;
    else
      explain();
  }
  if (result.jobs == 0)
    result.jobs = std::max(1L, sysconf(_SC_NPROCESSORS_ONLN));
  return result;
}

// Where things lie in memory must not differ from run to run either.
void fix_addresses(char** argv) {
  constexpr unsigned long fixed = ADDR_NO_RANDOMIZE;
  const auto now = personality(0xffffffff);
  if (now == -1 || (static_cast<unsigned long>(now) & fixed) != 0)
    return;
  if (personality(static_cast<unsigned long>(now) | fixed) != -1)
    execv("/proc/self/exe", argv);
}

// The words of a child: one a line.
void say(FILE* to, const outcome_of_run& got) {
  for (const auto& each : got.violations)
    std::fprintf(to, "violation %s\n", each.c_str());
  for (const auto& [what, count] : got.seen)
    std::fprintf(to, "seen %llu %s\n", static_cast<unsigned long long>(count), what.c_str());
  for (const auto most : got.most)
    std::fprintf(to, "most %llu\n", static_cast<unsigned long long>(most));
  std::fprintf(to, "digest %016llx\n", static_cast<unsigned long long>(got.digest));
  std::fprintf(to, "steps %llu\n", static_cast<unsigned long long>(got.steps));
  std::fprintf(to, "lasted %lld\n", static_cast<long long>(got.lasted.count()));
  std::fprintf(to, "settled %lld\n", static_cast<long long>(got.settled.count()));
  std::fprintf(to, "end\n");
}

child_process begin(const arguments& how, std::uint64_t seed) {
  int ends[2];
  if (pipe(ends) != 0)
    std::abort();
  std::fflush(stdout);
  child_process result{seed, fork(), ends[0], {}};
  if (result.pid != 0) {
    close(ends[1]);
    return result;
  }
  close(ends[0]);
  dup2(ends[1], STDERR_FILENO); // what an assertion says
  auto* to = fdopen(ends[1], "w");
  {
    // Never destroyed: what a killed node had is nobody's to free.
    auto* one = new world(seed, how.tells);
    say(to, one->run());
  }
  std::fflush(nullptr);
  _exit(0);
}

struct tally {
  std::map<std::string, std::uint64_t> seen;
  std::array<std::uint64_t, container_names.size()> most{};
  std::uint64_t steps = 0, simulated_ms = 0, settled_most_ms = 0;
  std::vector<std::uint64_t> failed;
};

std::string digest_of(const std::string& said) {
  const auto at = said.find("digest ");
  return at == std::string::npos ? "none" : said.substr(at + 7, 16);
}

// Reads what a finished child said.
void judge(const child_process& one, int status, tally& all) {
  bool sound = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  bool ended = false;
  std::string rest = one.said;
  std::vector<std::string> complaints;
  std::size_t place = 0; // among the containers
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.erase(0, line.size() + 1);
    const auto number = [&](std::size_t at) {
      return std::strtoull(line.c_str() + at, nullptr, 10);
    };
    if (line.starts_with("seen ")) {
      const auto blank = line.find(' ', 5);
      all.seen[line.substr(blank + 1)] += number(5);
    } else if (line.starts_with("most ")) {
      auto& most = all.most.at(place++);
      most = std::max<std::uint64_t>(most, number(5));
    } else if (line.starts_with("steps ")) {
      all.steps += number(6);
    } else if (line.starts_with("lasted ")) {
      all.simulated_ms += number(7);
    } else if (line.starts_with("settled ")) {
      all.settled_most_ms = std::max<std::uint64_t>(all.settled_most_ms, number(8));
    } else if (line == "end") {
      ended = true;
    } else if (!line.starts_with("digest ")) {
      complaints.push_back(line);
      sound = sound && !line.starts_with("violation ");
    }
  }
  if (sound && ended)
    return;
  all.failed.push_back(one.seed);
  std::printf("seed %llu FAILED%s\n", static_cast<unsigned long long>(one.seed),
              ended ? "" : ": the process ended");
  for (const auto& each : complaints)
    std::printf("  %s\n", each.c_str());
}

// Reads what they say until one of them, whichever, has said all; its place.
std::size_t wait_for_one(std::vector<child_process>& running) {
  for (;;) {
    std::vector<pollfd> ends;
    for (const auto& each : running)
      ends.push_back({each.out, POLLIN, 0});
    poll(ends.data(), ends.size(), -1);
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].revents == 0)
        continue;
      char buffer[4096];
      const auto got = ::read(running[i].out, buffer, sizeof buffer);
      if (got <= 0)
        return i;
      running[i].said.append(buffer, static_cast<std::size_t>(got));
    }
  }
}

int end_of(const child_process& one) {
  close(one.out);
  int status = 0;
  waitpid(one.pid, &status, 0);
  return status;
}

double seconds_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// So many seeds meet everything that is tried at all.
constexpr std::uint64_t seeds_that_meet_all = 1000;

// What is wrong with the run as a whole, though no seed need be to blame.
std::vector<std::string> faults_of(const tally& all, const arguments& how, std::uint64_t begun) {
  std::vector<std::string> result;
  if (begun < how.least)
    result.push_back("fewer than " + std::to_string(how.least) + " seeds were run in the time");
  for (const auto& each : kinds)
    if (begun >= seeds_that_meet_all && !each.rare && !all.seen.contains(std::string{each.what}))
      result.push_back("nothing was seen of: " + std::string{each.what});
  for (const auto& seen : all.seen)
    if (std::none_of(kinds.begin(), kinds.end(),
                     [&](const kind& each) { return each.what == seen.first; }))
      result.push_back("a kind that kinds.hpp does not have: " + seen.first);
  return result;
}

void tell_counts(const tally& all) {
  for (const auto& [what, count] : all.seen)
    std::printf("%10llu  %s\n", static_cast<unsigned long long>(count), what.c_str());
  for (std::size_t i = 0; i < all.most.size(); ++i)
    std::printf("%10llu  %s, at most\n", static_cast<unsigned long long>(all.most[i]),
                container_names[i].data());
}

// Runs them all; gives how many.
std::uint64_t run_seeds(const arguments& how, double began, tally& all) {
  std::vector<child_process> running;
  std::map<std::uint64_t, std::string> digests;
  const auto finish_one = [&] {
    const auto which = running.begin() + static_cast<std::ptrdiff_t>(wait_for_one(running));
    const auto one = std::move(*which);
    running.erase(which);
    judge(one, end_of(one), all);
    if (!how.twice)
      return;
    const auto [known, fresh] = digests.try_emplace(one.seed, digest_of(one.said));
    if (!fresh && known->second != digest_of(one.said)) {
      std::printf("seed %llu FAILED: it was another run the second time\n",
                  static_cast<unsigned long long>(one.seed));
      all.failed.push_back(one.seed);
    }
  };
  std::uint64_t begun = 0;
  const auto in_time = [&] {
    return how.seconds == 0 || seconds_now() - began < static_cast<double>(how.seconds);
  };
  const auto goes_on = [&] { return in_time() && (!how.stops || all.failed.empty()); };
  for (; begun < how.seeds && goes_on(); ++begun)
    for (int time = 0; time < (how.twice ? 2 : 1); ++time) {
      if (running.size() == how.jobs)
        finish_one();
      running.push_back(begin(how, how.from + begun));
    }
  while (!running.empty())
    finish_one();
  return begun;
}

} // namespace

int main(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IOLBF, 0); // what failed is told at once, also through a pipe
  const auto how = read(argc, argv);
  fix_addresses(argv);
  spdlog::set_level(how.tells ? spdlog::level::debug : spdlog::level::off);
  std::printf("seeds %llu to %llu of %s\n", static_cast<unsigned long long>(how.from),
              static_cast<unsigned long long>(how.from + how.seeds - 1), commit_of_build);
  const auto started = seconds_now();
  tally all;
  const auto begun = run_seeds(how, started, all);
  if (how.counts)
    tell_counts(all);
  const auto faults = faults_of(all, how, begun);
  for (const auto& each : faults)
    std::printf("FAILED: %s\n", each.c_str());
  std::printf("%llu seeds, %llu failed, %.1f s; %.0f s simulated, %.1f million steps, longest way "
              "to rest %.1f s\n",
              static_cast<unsigned long long>(begun),
              static_cast<unsigned long long>(all.failed.size()), seconds_now() - started,
              static_cast<double>(all.simulated_ms) / 1000, static_cast<double>(all.steps) / 1e6,
              static_cast<double>(all.settled_most_ms) / 1000);
  return all.failed.empty() && faults.empty() ? 0 : 1;
}
