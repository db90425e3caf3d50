// How jemalloc, the program's allocator, is to work: it has a thread of its own that returns free
// pages to the system, whether the threads that have used them go on or rest (decision 43).
extern "C" {
extern const char* malloc_conf; // jemalloc looks for it under this name
const char* malloc_conf = "background_thread:true,max_background_threads:1";
}
