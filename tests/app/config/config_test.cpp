#include "app/config/config.hpp"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "app/config/options.hpp"

#define CAF_SUITE config
#include "tests/app/temporary_file.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

loaded_config load_flags(setting_list flags) {
  return load_config({std::move(flags), {}, "", 2});
}

std::string joined(const std::vector<std::string>& faults) {
  std::string result;
  for (const auto& fault : faults)
    result += fault + "\n";
  return result;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

constexpr auto secret_url = "postgresql://ledgerd:s3cr3t@127.0.0.1/ledgerd";

} // namespace

CAF_TEST(without any source the defaults of the contract hold) {
  const auto loaded = load_flags({});
  CAF_CHECK_EQUAL(joined(loaded.faults), "");
  const auto& c = loaded.value;
  CAF_CHECK_EQUAL(c.nats_url, "nats://127.0.0.1:4222");
  CAF_CHECK_EQUAL(c.max_in_flight, 16384u);
  CAF_CHECK_EQUAL(c.memory_max, 256u << 20);
  CAF_CHECK_EQUAL(c.attempts_max, 3u);
  CAF_CHECK_EQUAL(c.fetchers, 1);
  CAF_CHECK_EQUAL(c.gates, 2);
  CAF_CHECK(c.ack_wait == std::chrono::seconds{30});
  CAF_CHECK(c.migrate && c.provision);
  CAF_CHECK(!c.rules.default_currency);
  CAF_CHECK(!c.rules.refuse_unknown_fields);
  CAF_CHECK(c.http_listen == (listen_address{"127.0.0.1", 8080}));
  CAF_CHECK(c.redrive_after == std::chrono::seconds{30});
  CAF_CHECK_EQUAL(c.submissions_max, 10000u);
  CAF_CHECK_EQUAL(c.http_rate_max, 0u);
  CAF_CHECK_EQUAL(c.http_token_file, "");
  CAF_CHECK(contains(c.node_name, "-" + std::to_string(getpid())));
}

CAF_TEST(flags win over the environment and that over the file) {
  const temporary_file file{
      "fetchers = 2\ngates = 2\nmax_attempts = 2\nroles = [\"ledger\"]\nmigrate = false\n"};
  const auto loaded = load_config(
      {{{"fetchers", "4"}}, {{"LEDGERD_FETCHERS", "3"}, {"LEDGERD_GATES", "3"}}, file.path()});
  CAF_CHECK_EQUAL(joined(loaded.faults), "");
  CAF_CHECK_EQUAL(loaded.value.fetchers, 4);
  CAF_CHECK_EQUAL(loaded.value.gates, 3);
  CAF_CHECK_EQUAL(loaded.value.attempts_max, 2u);
  CAF_CHECK(!loaded.value.migrate);
}

CAF_TEST(LEDGERD_CONFIG names the file unless a flag does) {
  const temporary_file one{"gates = 5\n"};
  const temporary_file other{"gates = 6\n"};
  CAF_CHECK_EQUAL(load_config({{}, {{"LEDGERD_CONFIG", one.path()}}, ""}).value.gates, 5);
  CAF_CHECK_EQUAL(load_config({{}, {{"LEDGERD_CONFIG", one.path()}}, other.path()}).value.gates, 6);
}

CAF_TEST(every broken value is refused with its field and its rule) {
  struct row {
    const char* name;
    const char* value;
    const char* rule;
  };
  constexpr row table[] = {
      {"fetchers", "0", "integer from 1 to 64"},
      {"fetchers", "two", "integer from 1 to 64"},
      {"gates", "65", "integer from 1 to 64"},
      {"scheduler-threads", "-1", "integer from 0 to 1024"},
      {"max-in-flight", "0", "integer from 1"},
      {"memory-max", "191MB", "from 192MB"},
      {"memory-max", "256", "a size such as 256MB"},
      {"memory-max", "99999999999999999999GB", "a size such as 256MB"},
      {"batch-max", "10001", "integer from 1 to 10000"},
      {"max-attempts", "", "integer from 1 to 100"},
      {"ledgers-max", "1e3", "integer from 1"},
      {"ledger-idle", "60", "a duration such as 500ms, 2s or 1m"},
      {"ack-wait", "500ms", "from 1s to 1h"},
      {"stream-replicas", "2", "must be 1, 3 or 5"},
      {"shutdown-deadline", "11m", "from 100ms to 10m"},
      {"migrate", "yes", "true or false"},
      {"provision", "1", "true or false"},
      {"roles", "cashier", "must be `ledger`, `account` or `ledger,account`"},
      {"roles", "ledger,cashier", "must be `ledger`, `account` or `ledger,account`"},
      {"roles", "ledger account", "must be `ledger`, `account` or `ledger,account`"},
      {"redrive-after", "50ms", "from 100ms to 24h"},
      {"redrive-after", "30", "a duration such as 500ms, 2s or 1m"},
      {"submissions-max", "0", "integer from 1 to 1000000"},
      {"http-rate-max", "-1", "integer from 0 to 1000000"},
      {"http-token-file", "", "must name a file"},
      {"node-name", "a b", "1 to 64 letters, digits"},
      {"node-name", "a.b", "1 to 64 letters, digits"},
      {"node-name", "", "1 to 64 letters, digits"},
      {"default-currency", "krw", "three capital letters"},
      {"unknown-fields", "maybe", "must be `ignore` or `reject`"},
      {"http-listen", "8080", "`off` or an address and a port"},
      {"http-listen", "127.0.0.1:65536", "`off` or an address and a port"},
      {"http-listen", "::1:80", "`off` or an address and a port"},
      {"http-listen", "127.0.0.1.example.com:80", "`off` or an address and a port"},
      {"http-listen", "127.1:80", "`off` or an address and a port"},
      {"http-listen", "example.com:80", "`off` or an address and a port"},
      {"log-format", "xml", "text or json"},
      {"log-level", "loud", "trace, debug, info, warn or error"},
      {"nats-url", "http://127.0.0.1", "nats://"},
      {"nats-url", "", "nats://"},
      {"nats-url", "nats://a:4222,", "nats://"},
      {"nats-url", "nats://", "nats://"},
      {"nats-creds-file", "/does/not/exist", "readable file"},
      {"nats-url-file", "/does/not/exist", "readable file"},
      {"database-url", "mysql://127.0.0.1/x", "postgresql://"},
      {"database-url", "host=127.0.0.1", "postgresql://"},
      {"database-url-file", "/does/not/exist", "readable file"},
  };
  for (const auto& [name, value, rule] : table) {
    const auto loaded = load_flags({{name, value}});
    const auto faults = joined(loaded.faults);
    const auto row_text = std::string{name} + "=" + value + ": " + faults;
    CAF_CHECK_EQUAL(std::make_pair(row_text, loaded.faults.size()),
                    std::make_pair(row_text, std::size_t{1}));
    CAF_CHECK_EQUAL(std::make_pair(row_text, contains(faults, "--" + std::string{name})),
                    std::make_pair(row_text, true));
    CAF_CHECK_EQUAL(std::make_pair(row_text, contains(faults, rule)),
                    std::make_pair(row_text, true));
  }
}

CAF_TEST(a broken value leaves the default in place and all faults are told) {
  const auto loaded = load_flags({{"fetchers", "0"}, {"gates", "x"}, {"max-attempts", "5"}});
  CAF_CHECK_EQUAL(loaded.faults.size(), 2u);
  CAF_CHECK_EQUAL(loaded.value.fetchers, 1);
  CAF_CHECK_EQUAL(loaded.value.attempts_max, 5u);
}

CAF_TEST(an unknown key names the nearest in the spelling of its source) {
  const auto variable = load_config({{}, {{"LEDGERD_MAX_INFLIGHT", "1"}}, ""});
  CAF_CHECK(variable.faults.empty()); // an environment is shared
  CAF_CHECK_EQUAL(joined(variable.warnings), "`LEDGERD_MAX_INFLIGHT` is not known; did you mean "
                                             "`LEDGERD_MAX_IN_FLIGHT`?; it is ignored\n");
  CAF_CHECK_EQUAL(joined(load_config({{}, {{"LEDGERD_FOO", "1"}}, ""}).warnings),
                  "`LEDGERD_FOO` is not known; it is ignored\n");
  const temporary_file file{"gate = 3\n"};
  const auto faults = joined(load_config({{}, {}, file.path()}).faults);
  CAF_CHECK(contains(faults, file.path() + ":1: `gate` is not known; did you mean `gates`?"));
  const temporary_file table{"[nats]\nurl = \"nats://a:1\"\n"};
  CAF_CHECK(contains(joined(load_config({{}, {}, table.path()}).faults), "`nats` is not known"));
}

CAF_TEST(what Kubernetes sets for a service is passed over in silence) {
  const setting_list links{
      {"LEDGERD_SERVICE_HOST", "10.0.0.7"},
      {"LEDGERD_SERVICE_PORT", "8080"},
      {"LEDGERD_SERVICE_PORT_HTTP", "8080"},
      {"LEDGERD_PORT", "tcp://10.0.0.7:8080"},
      {"LEDGERD_PORT_8080_TCP", "tcp://10.0.0.7:8080"},
      {"LEDGERD_PORT_8080_TCP_PROTO", "tcp"},
      {"LEDGERD_PORT_8080_TCP_PORT", "8080"},
      {"LEDGERD_PORT_8080_TCP_ADDR", "10.0.0.7"},
      {"LEDGERD_API_SERVICE_HOST", "10.0.0.8"},
      {"LEDGERD_API_PORT_53_UDP_ADDR", "10.0.0.8"},
      {"LEDGERD_API_PORT", "udp://10.0.0.8:53"},
  };
  const auto silent = load_config({{}, links, ""});
  CAF_CHECK_EQUAL(joined(silent.faults) + joined(silent.warnings), "");
  for (const auto& [name, value] :
       setting_list{{"LEDGERD_PORT", "8080"}, {"LEDGERD_HTTP_PORT", "9"}, {"LEDGERD_TOKEN", "t"}})
    CAF_CHECK_EQUAL(load_config({{}, {{name, value}}, ""}).warnings.size(), 1u);
}

CAF_TEST(a blank variable is none) {
  const temporary_file file{"gates = 5\n"};
  const auto loaded = load_config({{},
                                   {{"LEDGERD_GATES", ""},
                                    {"LEDGERD_DATABASE_URL", " "},
                                    {"LEDGERD_NATS_URL", "\n"},
                                    {"LEDGERD_HTTP_TOKEN_FILE", ""},
                                    {"LEDGERD_CONFIG", ""}},
                                   file.path()});
  CAF_CHECK_EQUAL(joined(loaded.faults) + joined(loaded.warnings), "");
  CAF_CHECK_EQUAL(loaded.value.gates, 5);
  CAF_CHECK_EQUAL(loaded.value.database_url, "");
}

CAF_TEST(a file with a password is for its owner alone) {
  const temporary_file url{std::string{secret_url} + "\n"};
  const temporary_file plain{"postgresql://ledgerd@127.0.0.1/ledgerd\n"};
  const temporary_file nats{"nats://token@127.0.0.1:4222\n"};
  const temporary_file table{"gates = 5\ndatabase-url = \"" + std::string{secret_url} + "\"\n"};
  const temporary_file bare{"gates = 5\n"};
  const temporary_file creds{"creds"};
  const auto faults = [&](std::filesystem::perms mode) {
    for (const auto* file : {&url, &plain, &nats, &table, &bare, &creds})
      std::filesystem::permissions(file->path(), mode);
    return std::vector<std::string>{
        joined(load_flags({{"database-url-file", url.path()}}).faults),
        joined(load_flags({{"nats-url-file", nats.path()}}).faults),
        joined(load_config({{}, {}, table.path()}).faults),
        joined(load_flags({{"nats-creds-file", creds.path()}}).faults),
        joined(load_flags({{"database-url-file", plain.path()}}).faults),
        joined(load_config({{}, {}, bare.path()}).faults),
    };
  };
  using std::filesystem::perms;
  CAF_CHECK_EQUAL(joined(faults(perms{0600})), "\n\n\n\n\n\n");
  const auto open = faults(perms{0644});
  for (std::size_t i = 0; i < 4; ++i) {
    CAF_CHECK_EQUAL(std::make_pair(i, contains(open[i], "holds secrets but others")),
                    std::make_pair(i, true));
    CAF_CHECK(!contains(open[i], "s3cr3t"));
  }
  CAF_CHECK_EQUAL(open[4] + open[5], ""); // no secret in them
}

CAF_TEST(an option that was renamed is read by both names) {
  using std::chrono::seconds;
  const auto interval = [](const config_sources& sources) {
    const auto loaded = load_config(sources);
    CAF_CHECK_EQUAL(joined(loaded.faults), "");
    CAF_CHECK(loaded.warnings.empty());
    return loaded.value.recovery_interval;
  };
  for (const std::string name : {"recovery-interval", "sweep-interval"}) {
    CAF_CHECK(interval({{{name, "3s"}}, {}, ""}) == seconds{3});
    CAF_CHECK(interval({{}, {{variable_name(name), "4s"}}, ""}) == seconds{4});
    const temporary_file file{name + " = \"5s\"\n"};
    CAF_CHECK(interval({{}, {}, file.path()}) == seconds{5});
    // Between sources the usual precedence holds, whatever the names.
    CAF_CHECK(interval({{{name, "3s"}}, {{"LEDGERD_RECOVERY_INTERVAL", "4s"}}, file.path()})
              == seconds{3});
    CAF_CHECK(interval({{{name, "3s"}}, {{"LEDGERD_SWEEP_INTERVAL", "4s"}}, ""}) == seconds{3});
  }
  CAF_CHECK(interval({}) == seconds{10});
  const auto shown = print_config(load_flags({{"sweep-interval", "3s"}}).value);
  CAF_CHECK(contains(shown, "recovery-interval = \"3s\""));
  CAF_CHECK(!contains(shown, "sweep-interval"));
}

CAF_TEST(both names of a renamed option in one source are a contradiction) {
  const auto twice = "recovery-interval is given twice; ";
  CAF_CHECK_EQUAL(
      joined(load_flags({{"recovery-interval", "3s"}, {"sweep-interval", "3s"}}).faults),
      "--recovery-interval is given twice; --sweep-interval is its former name\n");
  CAF_CHECK_EQUAL(
      joined(load_config(
                 {{}, {{"LEDGERD_SWEEP_INTERVAL", "3s"}, {"LEDGERD_RECOVERY_INTERVAL", "3s"}}, ""})
                 .faults),
      "LEDGERD_RECOVERY_INTERVAL is given twice; LEDGERD_SWEEP_INTERVAL is its former "
      "name\n");
  const temporary_file file{"recovery-interval = \"3s\"\nsweep_interval = \"4s\"\n"};
  CAF_CHECK(contains(joined(load_config({{}, {}, file.path()}).faults), twice));
}

CAF_TEST(a password is refused on the command line and taken elsewhere) {
  for (const auto& [name, value] :
       setting_list{{"database-url", secret_url},
                    {"database-url", "postgresql://127.0.0.1/x?password=s3cr3t"},
                    {"account-database-url", secret_url},
                    {"nats-url", "nats://user:s3cr3t@127.0.0.1:4222"},
                    {"nats-url", "nats://s3cr3t@127.0.0.1:4222"}}) {
    const auto faults = joined(load_flags({{name, value}}).faults);
    CAF_CHECK(contains(faults, "must not carry a password"));
    CAF_CHECK(contains(faults, variable_name(name)));
    CAF_CHECK(contains(faults, "--" + name + "-file"));
    CAF_CHECK(!contains(faults, "s3cr3t"));
  }
  CAF_CHECK_EQUAL(
      joined(load_flags({{"database-url", "postgresql://ledgerd@127.0.0.1/ledgerd"}}).faults), "");
  CAF_CHECK_EQUAL(load_config({{}, {{"LEDGERD_DATABASE_URL", secret_url}}, ""}).value.database_url,
                  secret_url);
  const temporary_file file{std::string{secret_url} + "\n"};
  const auto loaded = load_config(
      {{{"database-url-file", file.path()}}, {{"LEDGERD_DATABASE_URL", "postgresql://x/y"}}, ""});
  CAF_CHECK_EQUAL(loaded.value.database_url, secret_url);
  CAF_CHECK_EQUAL(loaded.value.account_database_url, secret_url);
}

CAF_TEST(a value and its file together are a contradiction) {
  const temporary_file file{secret_url};
  const auto faults = joined(load_config({{},
                                          {{"LEDGERD_DATABASE_URL", secret_url},
                                           {"LEDGERD_DATABASE_URL_FILE", file.path()}},
                                          ""})
                                 .faults);
  CAF_CHECK(contains(faults, "given twice, as a value and as a file"));
  CAF_CHECK(!contains(faults, "s3cr3t"));
}

CAF_TEST(roles and what they need) {
  CAF_CHECK(load_flags({}).value.has_role(role::ledger));
  CAF_CHECK(load_flags({}).value.has_role(role::account));
  CAF_CHECK(!load_flags({{"roles", "account"}}).value.has_role(role::ledger));
  CAF_CHECK(!load_flags({{"roles", "ledger"}}).value.has_role(role::account));
  const auto both = load_flags({{"roles", "account,ledger,account"}}).value;
  CAF_CHECK(both.has_role(role::ledger) && both.has_role(role::account));
  CAF_CHECK(!parse_role("led") && !parse_role("") && !parse_role("Ledger"));
  CAF_CHECK_EQUAL(find_option("roles")->show(both), "account,ledger");
  const temporary_file file{"roles = [\"ledger\", \"account\"]\n"};
  CAF_CHECK(load_config({{}, {}, file.path()}).value.has_role(role::account));

  constexpr auto url = "postgresql://ledgerd@127.0.0.1/ledgerd";
  struct row {
    const char* roles;
    const char* option; // the one database that is given, or nullptr
    const char* missing;
  };
  constexpr row table[] = {
      {"ledger", nullptr, "database-url is required"},
      {"ledger", "database-url", ""},
      {"ledger", "account-database-url", "database-url is required"},
      {"ledger,account", "account-database-url", "database-url is required"},
      {"ledger,account", "database-url", ""},
      {"account", nullptr, "account-database-url is required"},
      {"account", "account-database-url", ""},
      {"account", "database-url", ""},
  };
  const auto fault_of = [](const auto& require, const config& settings) {
    try {
      require(settings);
    } catch (const usage_error& e) {
      return std::string{e.what()};
    }
    return std::string{};
  };
  for (const auto& [roles, option, missing] : table) {
    setting_list flags{{"roles", roles}};
    if (option != nullptr)
      flags.emplace_back(option, url);
    const auto fault = fault_of(require_database, load_flags(flags).value);
    const auto text = std::string{roles} + " " + (option == nullptr ? "" : option);
    CAF_CHECK_EQUAL(std::make_pair(text, fault.substr(0, fault.find(':'))),
                    std::make_pair(text, std::string{missing}));
  }
  const auto account = load_flags({{"roles", "account"}, {"account-database-url", url}}).value;
  CAF_CHECK_EQUAL(account.records_url(), url);
  const auto fault = fault_of(require_ledger_database, account);
  CAF_CHECK(contains(fault, "database-url is required") && contains(fault, "--roles account"));
  CAF_CHECK(!contains(fault_of(require_database, load_flags({}).value), "--roles"));
}

CAF_TEST(listening beyond loopback needs a token file) {
  const temporary_file tokens{"till submit,read " + std::string(32, 't') + "\n"};
  for (const auto* address : {"0.0.0.0:8080", "[::]:8080", "192.0.2.1:80", "[2001:db8::1]:80",
                              "128.0.0.1:80", "[::ffff:127.0.0.1]:80"}) {
    const auto faults = joined(load_flags({{"http-listen", address}}).faults);
    CAF_CHECK_EQUAL(std::make_pair(address, contains(faults, "needs bearer tokens")),
                    std::make_pair(address, true));
    CAF_CHECK(contains(faults, address));
    CAF_CHECK(contains(faults, "http-token-file"));
    const auto loaded = load_flags({{"http-listen", address}, {"http-token-file", tokens.path()}});
    CAF_CHECK_EQUAL(joined(loaded.faults), "");
    CAF_CHECK(!loaded.value.listens_locally());
  }
  for (const auto* address :
       {"127.0.0.1:8080", "127.255.0.3:80", "[::1]:80", "localhost:1", "off"}) {
    CAF_CHECK_EQUAL(joined(load_flags({{"http-listen", address}}).faults), "");
    CAF_CHECK(load_flags({{"http-listen", address}}).value.listens_locally());
  }
}

CAF_TEST(a broken token file is a fault of the configuration) {
  const temporary_file broken{"till submit short\n\ntill nonsense short\n"};
  const auto faults = load_flags({{"http-token-file", broken.path()}}).faults;
  CAF_CHECK_EQUAL(faults.size(), 2u);
  CAF_CHECK(contains(joined(faults), "http-token-file " + broken.path() + ":1: the token must be"));
  CAF_CHECK(contains(joined(faults), broken.path() + ":3: the scopes must be"));
  CAF_CHECK(!contains(joined(faults), "short"));
  CAF_CHECK(contains(joined(load_flags({{"http-token-file", "/does/not/exist"}}).faults),
                     "/does/not/exist: must be a readable file"));
}

CAF_TEST(the acknowledgement wait outlasts the shutdown) {
  CAF_CHECK_EQUAL(load_flags({{"ack-wait", "10s"}, {"shutdown-deadline", "10s"}}).faults.size(),
                  1u);
  CAF_CHECK_EQUAL(load_flags({{"ack-wait", "11s"}, {"shutdown-deadline", "10s"}}).faults.size(),
                  0u);
}

CAF_TEST(no secret survives redaction) {
  struct row {
    const char* url;
    const char* shown;
  };
  constexpr row table[] = {
      {"postgresql://u:s3cr3t@h/db", "postgresql://u:<redacted>@h/db"},
      {"postgresql://u@h/db", "postgresql://u@h/db"},
      {"postgresql://u:s3/cr3t@h/db", "postgresql://u:<redacted>@h/db"},
      {"postgresql://u:s3cr3t?@h/db", "postgresql://u:<redacted>@h/db"},
      {"postgresql://u:a@s3cr3t@h/db", "postgresql://u:<redacted>@h/db"},
      {"postgresql://u:s3,cr3t@h/db", "postgresql://u:<redacted>@h/db"},
      {"postgresql://h/db?user=u&password=s3cr3t&sslmode=require",
       "postgresql://h/db?user=u&password=<redacted>&sslmode=require"},
      {"postgresql://h/db?sslpassword=s3cr3t", "postgresql://h/db?sslpassword=<redacted>"},
      {"postgresql://h1,h2:5433/db", "postgresql://h1,h2:5433/db"},
      {"nats://u:s3cr3t@h:4222", "nats://<redacted>@h:4222"},
      {"nats://s3cr3t@h:4222", "nats://<redacted>@h:4222"},
      {"nats://a:s3cr3t@h:1,tls://s3cr3t@i:2", "nats://<redacted>@h:1,tls://<redacted>@i:2"},
      {"nats://h:4222", "nats://h:4222"},
      {"", ""},
  };
  for (const auto& [url, shown] : table)
    CAF_CHECK_EQUAL(redact_url(url), shown);
}

CAF_TEST(what is printed is TOML whatever the values hold) {
  const auto loaded = load_config(
      {{{"node-name", "007"}}, {{"LEDGERD_DATABASE_URL", "postgresql://h/\"a\\b\x01\x7f"}}, ""});
  CAF_REQUIRE_EQUAL(joined(loaded.faults), "");
  const auto printed = print_config(loaded.value);
  CAF_CHECK(contains(printed, "node-name = \"007\"\n"));
  CAF_CHECK(contains(printed, R"(database-url = "postgresql://h/\"a\\b\u0001\u007f")"));
  const temporary_file file{printed};
  const auto again = load_config({{}, {}, file.path()});
  CAF_CHECK_EQUAL(joined(again.faults), "");
  CAF_CHECK_EQUAL(print_config(again.value), printed);
}

CAF_TEST(what is printed can be read again and holds no secret) {
  const auto loaded = load_config(
      {{{"gates", "7"}, {"ledger-idle", "90s"}, {"http-listen", "[::1]:81"}, {"node-name", "n1"}},
       {{"LEDGERD_DATABASE_URL", secret_url}},
       ""});
  CAF_REQUIRE_EQUAL(joined(loaded.faults), "");
  const auto printed = print_config(loaded.value);
  CAF_CHECK(!contains(printed, "s3cr3t"));
  CAF_CHECK(
      contains(printed, "database-url = \"postgresql://ledgerd:<redacted>@127.0.0.1/ledgerd\""));
  const temporary_file file{printed};
  const auto again = load_config({{}, {}, file.path()});
  CAF_CHECK_EQUAL(joined(again.faults), "");
  CAF_CHECK_EQUAL(print_config(again.value), printed);
  CAF_CHECK_EQUAL(again.value.gates, 7);
  CAF_CHECK(again.value.http_listen == (listen_address{"::1", 81}));
}

CAF_TEST(every option has a flag name that is its own and a help text) {
  for (const auto& item : options()) {
    CAF_CHECK(find_option(item.name) == &item);
    CAF_CHECK(!item.help.empty());
  }
  CAF_CHECK_EQUAL(variable_name("max-in-flight"), "LEDGERD_MAX_IN_FLIGHT");
}

CAF_TEST(the URL of the broker is read again from its file) {
  const temporary_file file{"nats://ann:old@127.0.0.1:4222\n"};
  const auto loaded = load_flags({{"nats-url-file", file.path()}});
  CAF_REQUIRE(loaded.faults.empty());
  CAF_CHECK_EQUAL(read_nats_url(loaded.value), "nats://ann:old@127.0.0.1:4222");
  std::ofstream{file.path()} << "nats://ann:new@127.0.0.1:4222\n";
  CAF_CHECK_EQUAL(read_nats_url(loaded.value), "nats://ann:new@127.0.0.1:4222");
  std::ofstream{file.path()} << "s3cret\n";
  try {
    read_nats_url(loaded.value);
    CAF_ERROR("accepted");
  } catch (const std::runtime_error& why) {
    CAF_CHECK_EQUAL(std::string{why.what()}.find("s3cret"), std::string::npos);
  }
  const auto direct = load_flags({{"nats-url", "nats://127.0.0.1:1"}});
  CAF_CHECK_EQUAL(read_nats_url(direct.value), "nats://127.0.0.1:1");
}
