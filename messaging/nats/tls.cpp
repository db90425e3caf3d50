#include "messaging/nats/tls.hpp"

#include <nats/nats.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace ledgerd {

namespace {

void check(natsStatus status, const char* what, const std::string& file) {
  if (status != NATS_OK)
    throw std::runtime_error("NATS: the " + std::string(what) + " in " + file
                             + " cannot be used: " + nats_error_text(status));
}

// A signal that does nothing but end a call that waits. One of the real-time signals, which nobody
// else in this process uses.
int wake_up_signal() {
  static const int number = [] {
    const int chosen = SIGRTMIN + 6;
    struct sigaction action {};
    action.sa_handler = [](int) {};
    sigemptyset(&action.sa_mask); // and no SA_RESTART
    sigaction(chosen, &action, nullptr);
    return chosen;
  }();
  return number;
}

// All signals of this process are for others.
void take_only(int signal) {
  sigset_t all;
  sigfillset(&all);
  sigdelset(&all, signal);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

} // namespace

bool is_secure(const std::vector<std::string>& urls) {
  return std::any_of(urls.begin(), urls.end(),
                     [](const auto& url) { return url.starts_with("tls://"); });
}

void secure_options(nats_options* to, const broker_options& broker) {
  check(natsOptions_SetSecure(to, true), "TLS settings", "this library");
  if (!broker.ca_file.empty())
    check(natsOptions_LoadCATrustedCertificates(to, broker.ca_file.c_str()), "authorities",
          broker.ca_file);
  if (!broker.certificate_file.empty())
    check(natsOptions_LoadCertificatesChain(to, broker.certificate_file.c_str(),
                                            broker.key_file.c_str()),
          "certificate and its key", broker.certificate_file + " and " + broker.key_file);
}

connect_result connect_now(nats_connection** to, nats_options* options) {
  const auto status = natsConnection_Connect(to, options);
  return {status, status == NATS_OK ? std::string() : nats_error_text(status)};
}

connect_result connect_within(nats_connection** to, nats_options* options,
                              std::chrono::milliseconds patience) {
  const int wake_up = wake_up_signal();
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  bool broken_off = false;
  connect_result result;
  std::thread caller([&] {
    take_only(wake_up);
    auto got = connect_now(to, options);
    nats_ReleaseThreadMemory();
    const std::lock_guard lock(mutex);
    result = std::move(got);
    done = true;
    changed.notify_one();
  });
  std::unique_lock lock(mutex);
  while (!changed.wait_for(lock, patience, [&] { return done; })) {
    broken_off = true;
    pthread_kill(caller.native_handle(), wake_up);
  }
  lock.unlock();
  caller.join();
  if (result.status != NATS_OK && broken_off) // of a server that is away, not one that refuses
    return {NATS_TIMEOUT,
            "no TLS handshake within " + std::to_string(patience.count()) + " ms: " + result.error};
  return result;
}

} // namespace ledgerd
