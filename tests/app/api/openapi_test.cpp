#include "app/api/submission_routes.hpp"

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "app/http/access.hpp"
#include "app/operations/routes.hpp"
#include "app/operations/trace_routes.hpp"
#include "app/page/overview_hub.hpp"
#include "app/repair/repair_routes.hpp"

#define CAF_SUITE openapi
#include "tests/app/api/fake_submission_api.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

using names = std::set<std::string>;

const std::filesystem::path root{LEDGERD_SOURCE_DIR};

std::string read_file(const std::filesystem::path& path) {
  const std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

const nlohmann::json& document() {
  static const auto parsed = nlohmann::json::parse(openapi_document());
  return parsed;
}

std::vector<http_route> all_routes() {
  auto routes = make_submission_routes(std::make_shared<fake_submission_api>());
  const auto desk = std::make_shared<work_desk>();
  for (auto more : {make_routes({}), make_overview_routes(nullptr), make_repair_routes(desk),
                    make_trace_routes(desk)})
    routes.insert(routes.end(), more.begin(), more.end());
  return routes;
}

// `GET /path` of every operation of the document.
names described() {
  names result;
  for (const auto& [path, item] : document().at("paths").items())
    for (const auto& [method, operation] : item.items()) {
      std::string upper = method;
      for (auto& c : upper)
        c = static_cast<char>(c - 'a' + 'A');
      result.insert(upper + " " + path);
    }
  return result;
}

names problem_codes() {
  return document().at("components").at("schemas").at("ProblemCode").at("enum").get<names>();
}

std::string joined(const names& all) {
  std::string result;
  for (const auto& name : all)
    result += name + "\n";
  return result;
}

// What the first lacks of the second.
names missing(const names& from, const names& wanted) {
  names result;
  for (const auto& name : wanted)
    if (!from.contains(name))
      result.insert(name);
  return result;
}

// Every problem code that stands behind a status in a call, such as http_problem(404, "NOT_FOUND".
names codes_in_sources() {
  static const std::regex pattern{R"re(\b[45]\d\d,\s*"([A-Z_]+)")re"};
  names result;
  for (const auto* room : {"app", "actors", "messaging"})
    for (const auto& item : std::filesystem::recursive_directory_iterator{root / room}) {
      const auto text = read_file(item.path());
      for (std::sregex_iterator found{text.begin(), text.end(), pattern}, end; found != end;
           ++found)
        result.insert((*found)[1]);
    }
  return result;
}

} // namespace

CAF_TEST(the document is the file and names its version) {
  CAF_CHECK_EQUAL(openapi_document(), read_file(root / "docs/openapi.json"));
  CAF_CHECK_EQUAL(document().at("openapi").get<std::string>(), "3.1.0");
}

CAF_TEST(routes and document agree in both directions) {
  names served;
  for (const auto& route : all_routes())
    served.insert(route.method + " " + route.path);
  CAF_CHECK_EQUAL(joined(missing(described(), served)), "");
  CAF_CHECK_EQUAL(joined(missing(served, described())), "");
  CAF_CHECK(served.contains("POST /v1/transactions"));
}

CAF_TEST(the document names the scopes that the server asks for) {
  for (const auto& route : all_routes()) {
    std::string method = route.method;
    for (auto& c : method)
      c = static_cast<char>(c - 'A' + 'a');
    const auto& operation = document().at("paths").at(route.path).at(method);
    const auto& security = operation.at("security");
    http_request request;
    const auto scope = scope_of(route, request);
    const auto wanted = scope ? nlohmann::json::array({{{"bearer", {to_text(*scope)}}}})
                        : route.path == "/readyz"
                            ? nlohmann::json::parse(R"([{}, {"bearer": ["operate"]}])")
                            : nlohmann::json::array();
    CAF_CHECK_EQUAL(route.path + security.dump(), route.path + wanted.dump());
    CAF_CHECK_EQUAL(operation.at("responses").contains("401"), !wanted.empty());
  }
}

CAF_TEST(every operation has examples and every reference its target) {
  const auto text = openapi_document();
  static const std::regex pattern{R"re("\$ref": "#([^"]+)")re"};
  int count = 0;
  for (std::sregex_iterator found{text.begin(), text.end(), pattern}, end; found != end; ++found) {
    CAF_CHECK(document().contains(nlohmann::json::json_pointer{(*found)[1].str()}));
    ++count;
  }
  CAF_CHECK(count > 50);
  for (const auto& [name, response] : document().at("components").at("responses").items()) {
    const auto& content = response.at("content").at("application/problem+json");
    CAF_CHECK(problem_codes().contains(content.at("example").at("code").get<std::string>()));
  }
}

CAF_TEST(every problem code is in the document and has its heading) {
  const auto known = problem_codes();
  const auto used = codes_in_sources();
  CAF_CHECK(used.size() >= 10); // else the sources are written otherwise and nothing is checked
  CAF_CHECK_EQUAL(joined(missing(known, used)), "");
  names headings;
  std::istringstream lines{read_file(root / "docs/errors.md")};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("## "))
      headings.insert(line.substr(3));
  CAF_CHECK_EQUAL(joined(missing(headings, known)), "");
  CAF_CHECK_EQUAL(joined(missing(known, headings)), "");
}
