store(KEYS[1], KEYS[2], ARGV[1], #ARGV[1], ARGV[2], #ARGV > 2 and {unpack(ARGV, 3)})
