#include "app/audit/cursor.hpp"

#include <csignal>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#define CAF_SUITE audit_cursor
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

struct folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("cursor-test." + std::to_string(getpid()));

  ~folder() { std::filesystem::remove_all(path); }
};

// Why the folder is not to be had; nothing: it is.
std::string refusal(const std::filesystem::path& path) {
  try {
    const audit_cursor cursor(path);
    return {};
  } catch (const std::runtime_error& e) {
    return e.what();
  }
}

} // namespace

CAF_TEST(a_folder_is_one_audits_at_a_time) {
  const folder here;
  std::optional<audit_cursor> first(std::in_place, here.path);
  finding_list findings;
  first->save({.began = "2026-01-01T00:00:00Z"}, findings);
  CAF_CHECK_EQUAL(refusal(here.path), "another audit works with " + here.path.string());
  CAF_CHECK(first->load(findings).has_value()); // nothing was taken from it
  first->clear();
  CAF_CHECK_EQUAL(refusal(here.path), "another audit works with " + here.path.string());
  first.reset();
  CAF_CHECK_EQUAL(refusal(here.path), "");
}

CAF_TEST(an_audit_that_was_killed_leaves_its_folder_free) {
  const folder here;
  int ready[2];
  CAF_REQUIRE_EQUAL(pipe(ready), 0);
  const auto child = fork();
  if (child == 0) {
    const audit_cursor cursor(here.path);
    if (write(ready[1], "x", 1) == 1)
      pause();
    _exit(1);
  }
  char word = 0;
  CAF_REQUIRE_EQUAL(read(ready[0], &word, 1), 1);
  CAF_CHECK_EQUAL(refusal(here.path), "another audit works with " + here.path.string());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CAF_CHECK_EQUAL(refusal(here.path), "");
  close(ready[0]);
  close(ready[1]);
}

CAF_TEST(a_folder_that_cannot_be_locked_is_named) {
  const folder here;
  std::filesystem::create_directories(here.path / "lock");
  CAF_CHECK_EQUAL(refusal(here.path),
                  "--cursor " + (here.path / "lock").string() + ": Is a directory");
  CAF_CHECK_EQUAL(refusal("/dev/null/folder"), "--cursor /dev/null/folder: Not a directory");
}
