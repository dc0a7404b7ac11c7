complete -o default -C tokenstile tokenstile
