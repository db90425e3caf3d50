#include "app/page/page_routes.hpp"

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "app/http/access.hpp"

#define CAF_SUITE page_routes
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

constexpr std::size_t bytes_max = 150 * 1024;

const std::filesystem::path folder =
    std::filesystem::path{LEDGERD_SOURCE_DIR} / "app" / "page" / "files";

http_response get(std::string_view path, http_values headers = {}) {
  for (const auto& route : make_page_routes())
    if (route.path == path) {
      http_request request;
      request.method = "GET";
      request.headers = std::move(headers);
      http_response answer{.status = 0};
      route.handle(request, [&](http_response given) { answer = std::move(given); });
      return answer;
    }
  return {404, "", "", {}};
}

std::string header(const http_response& answer, std::string_view name) {
  for (const auto& [each, value] : answer.headers)
    if (each == name)
      return value;
  return {};
}

} // namespace

CAF_TEST(every file is served as it is and all together are light) {
  std::size_t bytes = 0;
  std::set<std::string> etags;
  for (const auto& item : std::filesystem::directory_iterator{folder}) {
    const auto name = item.path().filename().string();
    std::ostringstream text;
    text << std::ifstream{item.path()}.rdbuf();
    const auto answer = get(name == "index.html" ? "/" : "/page/" + name);
    CAF_CHECK_EQUAL(answer.status, 200);
    CAF_CHECK(answer.body == text.str());
    bytes += answer.body.size();
    etags.insert(header(answer, "ETag"));
  }
  CAF_CHECK_EQUAL(etags.size(), page_files().size());
  CAF_CHECK(bytes < bytes_max);
  CAF_CHECK_EQUAL(get("/").content_type, "text/html; charset=utf-8");
  CAF_CHECK_EQUAL(get("/page/page.js").content_type, "text/javascript; charset=utf-8");
}

CAF_TEST(a file that the client has is not sent again) {
  const auto etag = header(get("/"), "ETag");
  CAF_CHECK(etag.size() > 20 && etag.front() == '"' && etag.back() == '"');
  for (const auto& sent : {etag, "\"x\", W/" + etag, std::string{"*"}}) {
    const auto answer = get("/", {{"if-none-match", sent}});
    CAF_CHECK_EQUAL(answer.status, 304);
    CAF_CHECK(answer.body.empty());
    CAF_CHECK_EQUAL(header(answer, "ETag"), etag);
  }
  CAF_CHECK_EQUAL(get("/", {{"if-none-match", "\"x\""}}).status, 200);
}

CAF_TEST(the policy allows this origin alone and the files keep to it) {
  const auto policy = header(get("/"), "Content-Security-Policy");
  CAF_CHECK(policy.starts_with("default-src 'none'; "));
  CAF_CHECK_EQUAL(policy.find("unsafe"), std::string::npos);
  CAF_CHECK_EQUAL(policy.find("http"), std::string::npos);
  for (const char* name : {"X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy",
                           "Cross-Origin-Resource-Policy", "Permissions-Policy"})
    CAF_CHECK(!header(get("/page/page.css"), name).empty());
  static const std::regex forbidden{
      R"(innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(| style="| on\w+="|//cdn|https?://(?!www\.w3\.org/2000/svg))"};
  for (const auto& file : page_files()) {
    const std::string text{file.text};
    std::smatch found;
    std::regex_search(text, found, forbidden);
    CAF_CHECK_EQUAL(std::string{file.path} + ": " + found.str(), std::string{file.path} + ": ");
  }
}

CAF_TEST(every file that one names is there) {
  static const std::regex named{R"re((?:"|from ')(/page/[\w.]+|\./[\w]+\.js))re"};
  for (const auto& file : page_files()) {
    const std::string text{file.text};
    for (std::sregex_iterator found{text.begin(), text.end(), named}, end; found != end; ++found) {
      auto path = (*found)[1].str();
      if (path.starts_with("./"))
        path = "/page/" + path.substr(2);
      CAF_CHECK_EQUAL(path + " " + std::to_string(get(path).status), path + " 200");
    }
  }
}

CAF_TEST(the files need no token) {
  for (const auto& route : make_page_routes())
    CAF_CHECK(!scope_of(route, http_request{}));
}
