// What is said of a configuration file that is faulty: where, and by which rule.

#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "app/config/config.hpp"
#include "tests/app/temporary_file.hpp"

#define CAF_SUITE config_file
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

std::string joined(const std::vector<std::string>& faults) {
  std::string text;
  for (const auto& fault : faults)
    text += fault + "\n";
  return text;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST(a file that is not TOML or not there is one fault) {
  const temporary_file broken{"gates = \n"};
  CAF_CHECK(contains(joined(load_config({{}, {}, broken.path()}).faults), "not valid TOML"));
  CAF_CHECK_EQUAL(joined(load_config({{}, {}, "/does/not/exist"}).faults),
                  "/does/not/exist: the file cannot be read: No such file or directory\n");
  CAF_CHECK_EQUAL(joined(load_config({{}, {{"LEDGERD_CONFIG", "/does/not/exist"}}, ""}).faults),
                  "/does/not/exist: the file cannot be read: No such file or directory, named by "
                  "LEDGERD_CONFIG\n");
  const temporary_file longer{"gates = 2\n" + std::string((1 << 20) - 9, '\n')};
  CAF_CHECK_EQUAL(joined(load_config({{}, {}, longer.path()}).faults),
                  longer.path() + ": is longer than 1 MiB\n");
  const auto pipe = broken.path() + ".pipe";
  CAF_REQUIRE_EQUAL(mkfifo(pipe.c_str(), 0600), 0);
  for (const auto& path : {std::string("/tmp"), std::string("/dev/zero"), pipe})
    CAF_CHECK_EQUAL(joined(load_config({{}, {}, path}).faults), path + ": is no regular file\n");
  unlink(pipe.c_str());
  CAF_CHECK_EQUAL(joined(load_config({{}, {}, "/dev/null"}).faults), "");
  const temporary_file twice{"gates = 1\ngates = 2\n"};
  CAF_CHECK_EQUAL(load_config({{}, {}, twice.path()}).faults.size(), 1u);
  const temporary_file both{"max-in-flight = 1\nmax_in_flight = 2\n"};
  CAF_CHECK(
      contains(joined(load_config({{}, {}, both.path()}).faults), "max-in-flight is given twice"));
}

CAF_TEST(a fault of a file has its line and what is written there) {
  const std::pair<const char*, const char*> table[] = {
      {"\n\ngates = 0\n", ":3: gates must be an integer from 1 to 64, not `0`\n"},
      {"# many\ngates = 1.5\n", ":2: gates must be an integer from 1 to 64, not `1.5`\n"},
      {"gates = 99999999999999999999\n",
       ":1: gates must be an integer from 1 to 64, not `99999999999999999999`\n"},
      {"fetchers = 1\ngates = [1, 2]\n",
       ":2: gates must be a string, an integer, true or false, or a list of strings\n"},
      {"batch-max = 9\ndatabase-url = 1.5\n",
       ":2: database-url must be a string, an integer, true or false, or a list of strings\n"},
      {"fetchers = 1\nmigrat = true\n", ":2: `migrat` is not known; did you mean `migrate`?\n"},
  };
  for (const auto& [text, wanted] : table) {
    const temporary_file file{text};
    const auto faults = joined(load_config({{}, {}, file.path()}).faults);
    CAF_CHECK_EQUAL(contains(faults, file.path() + wanted) ? wanted : faults, wanted);
  }
  const temporary_file broken{"fetchers = 1\n  gates 2\n"};
  const auto faults = joined(load_config({{}, {}, broken.path()}).faults);
  CAF_MESSAGE(faults);
  CAF_CHECK(faults.starts_with(broken.path() + ":2:"));
  CAF_CHECK(contains(faults, ": not valid TOML: "));
}
