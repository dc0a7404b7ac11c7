complete -c tokenstile -f -a '(COMP_LINE=(commandline -cp) tokenstile)'
