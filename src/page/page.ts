document.title = "cache-proxy";
