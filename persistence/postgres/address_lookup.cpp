#include "persistence/postgres/address_lookup.hpp"

#include <algorithm>
#include <array>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <utility>

namespace ledgerd {

namespace {

using addresses = std::vector<std::string>;

addresses ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0)
    return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  addresses result;
  for (const auto* each = found; each != nullptr; each = each->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(each->ai_addr, each->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST)
            == 0
        && std::find(result.begin(), result.end(), text.data()) == result.end())
      result.emplace_back(text.data());
  }
  return result;
}

// Look-ups under way, by host. Lives as long as the process, for a look-up may outlive all else.
class lookups {
public:
  std::shared_future<addresses> start(const std::string& host) {
    const std::lock_guard lock(mutex_);
    if (const auto found = running_.find(host); found != running_.end())
      return found->second;
    auto promise = std::make_shared<std::promise<addresses>>();
    std::shared_future<addresses> result = promise->get_future().share();
    // Only what runs may be shared: a thread that cannot be had throws. It erases under the lock.
    std::thread([this, host, promise] {
      auto found = ask_system(host);
      {
        const std::lock_guard ended(mutex_);
        running_.erase(host);
      }
      promise->set_value(std::move(found));
    }).detach();
    running_.emplace(host, result);
    return result;
  }

private:
  std::mutex mutex_;
  std::map<std::string, std::shared_future<addresses>> running_;
};

} // namespace

std::vector<addresses> look_up_addresses(const std::vector<std::string>& hosts,
                                         std::chrono::steady_clock::time_point deadline) {
  static auto& of_process = *new lookups;
  std::vector<std::shared_future<addresses>> answers;
  answers.reserve(hosts.size());
  for (const auto& host : hosts)
    answers.push_back(of_process.start(host));
  std::vector<addresses> result;
  result.reserve(hosts.size());
  for (const auto& answer : answers)
    result.push_back(answer.wait_until(deadline) == std::future_status::ready ? answer.get()
                                                                              : addresses{});
  return result;
}

} // namespace ledgerd
