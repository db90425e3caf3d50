#include "app/config/bearer_tokens.hpp"

#include <filesystem>
#include <unistd.h>

#define CAF_SUITE bearer_tokens
#include "tests/app/temporary_file.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

const std::string one = "s3cr3t-One.0123456789_0123456789~+/=";
const std::string two = "s3cr3t-Two.0123456789_0123456789~+/=";

std::string joined(const std::vector<std::string>& faults) {
  std::string result;
  for (const auto& fault : faults)
    result += fault + "\n";
  return result;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST(names and scopes and rates are read and tokens found) {
  const temporary_file file{"# who may do what\n"
                            "till    submit,read  "
                            + one
                            + "  50 # the till in the hall\n"
                              "\n"
                              "\tops\toperate\t"
                            + two
                            + "\r\n"
                              "three read,read "
                            + std::string(32, 'x') + " 0"};
  const auto read = read_token_file(file.path());
  CAF_REQUIRE_EQUAL(joined(read.faults), "");
  CAF_REQUIRE_EQUAL(read.tokens.size(), 3u);
  CAF_CHECK_EQUAL(read.tokens[0].name, "till");
  CAF_CHECK_EQUAL(int{read.tokens[0].scopes}, 3);
  CAF_CHECK(read.tokens[0].rate == 50u);
  CAF_CHECK_EQUAL(int{read.tokens[1].scopes}, 4);
  CAF_CHECK(!read.tokens[1].rate);
  CAF_CHECK(read.tokens[2].rate == 0u);
  const bearer_tokens tokens{read.tokens};
  CAF_CHECK(tokens.find(one) == std::size_t{0});
  CAF_CHECK(tokens.find(two) == std::size_t{1});
  CAF_CHECK(tokens.find(std::string(32, 'x')) == std::size_t{2});
  for (const auto& wrong : {std::string{}, one + "=", one.substr(1), std::string(31, 'x'),
                            std::string(33, 'x'), std::string{"till"}, one + std::string(1, '\0')})
    CAF_CHECK(!tokens.find(wrong));
  CAF_CHECK(!bearer_tokens{{}}.find(""));
}

CAF_TEST(the first token with a scope is found) {
  const temporary_file file{"a read " + one + "\nb read,operate " + two + "\nc operate "
                            + std::string(32, 'x') + "\n"};
  CAF_CHECK_EQUAL(first_token(file.path(), access_scope::operate), two);
  CAF_CHECK_EQUAL(first_token(file.path(), access_scope::read), one);
  CAF_CHECK_EQUAL(first_token(file.path(), access_scope::submit), "");
  CAF_CHECK_EQUAL(first_token("/does/not/exist", access_scope::read), "");
  const temporary_file broken{"a read " + one + "\nb nothing\n"};
  CAF_CHECK_EQUAL(first_token(broken.path(), access_scope::read), "");
}

CAF_TEST(every fault names file and line and never a token) {
  struct row {
    std::string content;
    int line; // 0: the file as a whole
    const char* rule;
  };
  const row table[] = {
      {"", 0, "holds no token"},
      {"# nothing\n\n", 0, "holds no token"},
      {"\n" + one + "\n", 2, "must be NAME SCOPES TOKEN [RATE]"},
      {"till " + one + "\n", 1, "must be NAME SCOPES TOKEN [RATE]"},
      {"till read " + one + " 5 6\n", 1, "must be NAME SCOPES TOKEN [RATE]"},
      {one + "/ read " + two + "\n", 1, "the name must be"},
      {std::string(65, 'n') + " read " + one + "\n", 1, "the name must be"},
      {"till write " + one + "\n", 1, "the scopes must be"},
      {"till " + two + " read\n", 1, "the scopes must be"},
      {"till READ " + one + "\n", 1, "the scopes must be"},
      {"till read, " + one + "\n", 1, "the scopes must be"},
      {"till ,read " + one + "\n", 1, "the scopes must be"},
      {"till , " + one + "\n", 1, "the scopes must be"},
      {"till read s3cr3t\n", 1, "the token must be"},
      {"till read s3cr3t" + std::string(25, 'a') + "\n", 1, "the token must be"},
      {"till read " + one + "!\n", 1, "the token must be"},
      {"till read " + one + "\xc3\xa4\n", 1, "the token must be"},
      {"till read " + std::string(1025, 'a') + "\n", 1, "the token must be"},
      {"till read " + one + " -1\n", 1, "the rate must be"},
      {"till read " + one + " " + two + "\n", 1, "the rate must be"},
      {"till read " + one + " 1000001\n", 1, "the rate must be"},
      {"till read " + one + "\ntill read " + two + "\n", 2, "the name is there already"},
      {"till read " + one + "\nother read " + one + "\n", 2, "the token is there already"},
      {std::string(1024 * 1024 + 1, '#'), 0, "is longer than 1 MiB"},
      {std::string("till read \0s3cr3t", 17) + std::string(40, 'a'), 1, "the token must be"},
  };
  for (const auto& [content, line, rule] : table) {
    const temporary_file file{content};
    const auto faults = joined(read_token_file(file.path()).faults);
    const auto place = file.path() + (line == 0 ? "" : ":" + std::to_string(line)) + ": ";
    CAF_CHECK_EQUAL(std::make_pair(faults, contains(faults, place + rule)),
                    std::make_pair(faults, true));
    CAF_CHECK(!contains(faults, "s3cr3t"));
    CAF_CHECK(!contains(faults, std::string(31, 'a')));
  }
}

CAF_TEST(all faults are told at once) {
  const temporary_file file{"a read x\nb nothing " + one + "\nc read " + two + " y\n"};
  CAF_CHECK_EQUAL(read_token_file(file.path()).faults.size(), 3u);
}

CAF_TEST(a file that others may use is refused) {
  using std::filesystem::perms;
  const temporary_file file{"till read " + one + "\n"};
  const auto faults_with = [&](unsigned mode) {
    std::filesystem::permissions(file.path(), perms{mode});
    return joined(read_token_file(file.path()).faults);
  };
  // Root's may be read by its group: what a package or a mounted secret makes.
  if (geteuid() == 0) {
    for (const unsigned mode : {0640u, 0440u, 0600u})
      CAF_CHECK_EQUAL(faults_with(mode), "");
    for (const unsigned mode : {0644u, 0660u, 0444u, 0650u})
      CAF_CHECK(contains(faults_with(mode), "use chmod 600"));
    constexpr unsigned nobody = 65534;
    CAF_REQUIRE_EQUAL(chown(file.path().c_str(), nobody, nobody), 0);
  }
  for (const unsigned mode : {0600u, 0400u, 0700u})
    CAF_CHECK_EQUAL(faults_with(mode), "");
  for (const unsigned mode : {0640u, 0604u, 0620u, 0602u, 0610u, 0601u, 0666u}) {
    CAF_CHECK(contains(faults_with(mode), "use chmod 600"));
    CAF_CHECK(read_token_file(file.path()).tokens.empty());
  }
  // A credential of systemd may show rights of the group, whoever owns it.
  const auto folder = std::filesystem::path{file.path()}.parent_path().string();
  setenv("CREDENTIALS_DIRECTORY", folder.c_str(), 1);
  CAF_CHECK_EQUAL(faults_with(0440), "");
  CAF_CHECK(contains(faults_with(0444), "use chmod 600"));
  CAF_CHECK(contains(faults_with(0460), "use chmod 600"));
  setenv("CREDENTIALS_DIRECTORY", (folder + "/other").c_str(), 1);
  CAF_CHECK(contains(faults_with(0440), "use chmod 600"));
  unsetenv("CREDENTIALS_DIRECTORY");
  for (const auto* path : {"/does/not/exist", "/tmp", "/dev/zero", ""})
    CAF_CHECK(contains(joined(read_token_file(path).faults), ": must be a readable file"));
}
