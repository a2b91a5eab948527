// Preprocesses only where the headers of OpenDHT are: a clear error comes before a long one.
#if !__has_include(<opendht/dht.h>)
#error "opendht/dht.h is not there"
#endif
