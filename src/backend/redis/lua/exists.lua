local length = redis.call('STRLEN', KEYS[1])
return lives(ARGV[1], length, ARGV[2]) and 1 or 0
