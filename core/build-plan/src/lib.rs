//! The steps of a build, what each depends on, and the cache keys that follow
