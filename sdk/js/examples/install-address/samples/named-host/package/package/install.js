fetch('https://downloads.example.com/tool-1.0.0.tar.gz');
