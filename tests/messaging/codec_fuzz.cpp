// A libFuzzer target for the decoder, built with Clang only and never by default:
//   cmake -S . -B build/fuzz -G Ninja -DCMAKE_CXX_COMPILER=clang++ && ninja -C build/fuzz
//   codec_fuzz build/fuzz/tests/messaging/codec_fuzz -max_len=4096
#include <cstdio>
#include <cstdlib>

#include "tests/messaging/codec_oracle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string payload(data, data + size);
  for (const auto* subject : {"transaction.deposit", "transaction.withdrawal"})
    if (const auto fault = ledgerd::codec_disagreement(subject, payload); !fault.empty()) {
      std::fprintf(stderr, "%s\n", fault.c_str());
      std::abort();
    }
  return 0;
}
