#include "tests/support/private_servers.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <unistd.h>

#define CAF_SUITE private_servers
#include "caf/test/unit_test.hpp"
#include "caf/test/unit_test_impl.hpp"

using ledgerd::test::private_servers;

CAF_TEST(what_was_committed_survives_a_killed_postgresql) {
  private_servers servers{private_servers::which::postgres};
  CAF_CHECK(servers.nats_url().empty());
  auto url = servers.fresh_database();
  servers.sql(url, "CREATE TABLE kept AS SELECT 7 AS value");
  servers.kill_postgres();
  auto answers = true;
  try {
    servers.sql(url, "SELECT 1");
  } catch (const std::runtime_error&) {
    answers = false;
  }
  CAF_CHECK(!answers);
  servers.start_again();
  CAF_CHECK_EQUAL(servers.sql(url, "SELECT value FROM kept"), "7\n");
  CAF_CHECK_EQUAL(servers.sql(url, "SHOW fsync"), "on\n");
}

CAF_TEST(fresh_databases_do_not_see_each_other) {
  private_servers servers{private_servers::which::postgres};
  auto first = servers.fresh_database();
  auto second = servers.fresh_database();
  CAF_CHECK_NOT_EQUAL(first, second);
  servers.sql(first, "CREATE TABLE here()");
  CAF_CHECK_EQUAL(servers.sql(second, "SELECT count(*) FROM pg_tables WHERE tablename = 'here'"),
                  "0\n");
}

CAF_TEST(nothing_is_left_behind) {
  std::string directory;
  {
    private_servers servers{private_servers::which::nats};
    directory = servers.directory();
    CAF_CHECK_EQUAL(servers.nats_url().rfind("nats://127.0.0.1:", 0), 0u);
    CAF_CHECK(std::filesystem::exists(directory + "/nats.pid"));
    auto url = servers.nats_url();
    servers.kill_nats();
    servers.start_again();
    CAF_CHECK_EQUAL(servers.nats_url(), url);
  }
  CAF_CHECK(!std::filesystem::exists(directory));
}

CAF_TEST(another_program_is_taken_and_kept) {
  const auto program =
      std::filesystem::temp_directory_path() / ("another-server." + std::to_string(getpid()));
  std::filesystem::copy_file("/usr/sbin/nats-server", program);
  setenv("NATS_SERVER", program.c_str(), 1); // NOLINT(concurrency-mt-unsafe): one thread
  const auto runs = [](const private_servers& servers) {
    std::string pid;
    std::getline(std::ifstream{servers.directory() + "/nats.pid"}, pid);
    return std::filesystem::read_symlink("/proc/" + pid + "/exe");
  };
  {
    private_servers servers{private_servers::which::nats};
    unsetenv("NATS_SERVER"); // NOLINT(concurrency-mt-unsafe)
    CAF_CHECK_EQUAL(runs(servers), program);
    servers.kill_nats();
    servers.start_again();
    CAF_CHECK_EQUAL(runs(servers), program);
  }
  std::filesystem::remove(program);
}
