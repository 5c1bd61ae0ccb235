-- Enters an entry that the original wrote. Its end cannot be brought forward in the text (at -1).
enter(ARGV[1], ARGV[2], tonumber(ARGV[3]), -1, ARGV[4], ARGV[5], '', '', '', '')
